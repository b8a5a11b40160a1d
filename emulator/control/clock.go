package control

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"
)

// Clock is the time of the emulator.
type Clock struct {
	Now    string `json:"now"`
	Offset string `json:"offset"` // from the machine's time
	Frozen bool   `json:"frozen"`
}

// A Move is what is to become of the clock: freeze or run, and before that go on by a time or to an instant. Nil members change nothing.
type Move struct {
	Frozen  *bool
	Advance *time.Duration
	Set     *time.Time
}

// ClockTime writes a time as the clock does: to the millisecond.
func ClockTime(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z07:00") }

func readClock(e Emulator) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { answer(w, http.StatusOK, e.Clock()) }
}

func moveClock(e Emulator) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		m, err := readMove(r.Body)
		if err != nil {
			refuse(w, http.StatusBadRequest, err.Error())
			return
		}
		is, err := e.MoveClock(r.Context(), m)
		told(w, is, err, "the clock was not moved in time")
	}
}

// maxBody is the size of the largest body that is read.
const maxBody = 4 << 20

func readMove(body io.Reader) (Move, error) {
	var given struct {
		Frozen  *bool      `json:"frozen"`
		Advance *string    `json:"advance"`
		Set     *time.Time `json:"set"`
	}
	if err := strictly(body, &given); err != nil {
		return Move{}, err
	}
	m := Move{Frozen: given.Frozen, Set: given.Set}
	switch {
	case given.Frozen == nil && given.Advance == nil && given.Set == nil:
		return Move{}, errors.New(`say "frozen", "advance" or "set"`)
	case given.Advance != nil && given.Set != nil:
		return Move{}, errors.New(`"advance" and "set" cannot both be said`)
	case given.Advance != nil:
		d, err := time.ParseDuration(*given.Advance)
		if err != nil || d < 0 {
			return Move{}, fmt.Errorf("advance %q is not a duration such as 90m", *given.Advance)
		}
		m.Advance = &d
	}
	return m, nil
}

// strictly decodes one JSON value without members that nobody knows.
func strictly(body io.Reader, into any) error {
	data, err := io.ReadAll(io.LimitReader(body, maxBody))
	if err != nil {
		return fmt.Errorf("the body could not be read: %w", err)
	}
	if err := Decode(data, into); err != nil {
		return fmt.Errorf("the body is not what is wanted here: %w", err)
	}
	return nil
}
