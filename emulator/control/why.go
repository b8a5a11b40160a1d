package control

import "net/http"

// A Why is what /_emulator/why answers.
type Why struct {
	Status string `json:"status"`
	// Reason is the job's statusReason, if it has one, with its containers' reasons if it has failed, and then a sentence about each obstacle.
	Reason    string     `json:"reason"`
	Obstacles []Obstacle `json:"obstacles"`
}

// An Obstacle is one thing that keeps a job. Needs and Has, which is what is free, are in vCPUs, MiB, instances or units, as its kind has it; Where
// is an ARN, a job or an instance.
type Obstacle struct {
	Kind  string  `json:"kind"`
	Needs float64 `json:"needs"`
	Has   float64 `json:"has"`
	Where string  `json:"where"`
}

func why(e Emulator) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		job := r.URL.Query().Get("job")
		if job == "" {
			refuse(w, http.StatusBadRequest, "say which job: ?job=ID")
			return
		}
		is, err := e.Why(r.Context(), job)
		told(w, is, err, "no answer came in time")
	}
}

// A Reclaim says what is taken away: one of its members is given.
type Reclaim struct {
	InstanceID string `json:"instanceId"`
	Job        string `json:"job"`
}

func reclaim(e Emulator) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var given Reclaim
		if err := strictly(r.Body, &given); err != nil {
			refuse(w, http.StatusBadRequest, err.Error())
			return
		}
		if (given.InstanceID == "") == (given.Job == "") {
			refuse(w, http.StatusBadRequest, `say "instanceId" or "job"`)
			return
		}
		told(w, struct{}{}, e.Reclaim(r.Context(), given), "it was not taken away in time")
	}
}
