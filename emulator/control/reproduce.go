package control

import "net/http"

// A Reproduction is what /_emulator/reproduce answers: commands, each a list of words, that run a job by hand.
type Reproduction struct {
	// Docker runs its containers, one command for each; empty if there are none to be seen.
	Docker [][]string `json:"docker"`
	// AWS submits it again.
	AWS [][]string `json:"aws"`
	// Notes are sentences about what the commands do not do.
	Notes []string `json:"notes"`
}

func reproduce(e Emulator) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		job := r.URL.Query().Get("job")
		if job == "" {
			refuse(w, http.StatusBadRequest, "say which job: ?job=ID")
			return
		}
		is, err := e.Reproduce(r.Context(), job)
		told(w, is, err, "no answer came in time")
	}
}
