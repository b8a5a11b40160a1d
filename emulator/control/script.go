package control

import (
	"io"
	"net/http"
)

// A Script is a list that says what becomes of jobs.
type Script string

const (
	Outcomes Script = "outcomes" // of the simulated driver
	Holds    Script = "holds"
)

func readScript(e Emulator, which Script) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { answer(w, http.StatusOK, e.Script(which)) }
}

func writeScript(e Emulator, which Script) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		data, err := io.ReadAll(io.LimitReader(r.Body, maxBody))
		if err != nil {
			refuse(w, http.StatusBadRequest, "the body could not be read: "+err.Error())
			return
		}
		if err := e.SetScript(r.Context(), which, data); err != nil {
			told(w, nil, err, "not in time")
			return
		}
		answer(w, http.StatusOK, e.Script(which))
	}
}

func dropScript(e Emulator, which Script) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		told(w, []any{}, e.SetScript(r.Context(), which, []byte("[]")), "not in time")
	}
}
