package endpoint

import (
	"encoding/json"
	"net/http"
	"time"
)

// credentialsBody is the answer (runtime.md 7).
type credentialsBody struct {
	RoleArn         string
	AccessKeyID     string `json:"AccessKeyId"`
	SecretAccessKey string
	Token           string
	Expiration      string
}

// credentialsError is the answer of a failure.
type credentialsError struct {
	Code          string `json:"code"`
	Message       string `json:"message"`
	HTTPErrorCode int
}

func (s *Server) serveCredentials(w http.ResponseWriter, r *http.Request, request, id string) {
	fail := func(status int, code, message string) {
		writeJSON(w, status, credentialsError{Code: code, Message: message, HTTPErrorCode: status})
	}
	s.mu.RLock()
	l := s.leases[id]
	s.mu.RUnlock()
	limiter := s.strangers
	if l != nil {
		limiter = l.limiter
	}
	switch {
	case !allowed(w, limiter):
		return
	case id == "":
		fail(http.StatusBadRequest, "NoIdInRequest", request+": No Credential ID in the request")
		return
	case l == nil:
		fail(http.StatusBadRequest, "InvalidIdInRequest", request+": Credentials not found")
		return
	}
	c, ok, ever := l.get()
	switch {
	case ok:
		writeJSON(w, http.StatusOK, credentialsBody{c.RoleARN, c.AccessKeyID, c.SecretAccessKey, c.Token, c.Expiration.UTC().Format(time.RFC3339)})
	case ever: // they ran out, and there are no others
		fail(http.StatusInternalServerError, "InternalServerError", "Internal server error")
	default:
		fail(http.StatusServiceUnavailable, "CredentialsUninitialized", request+": Credentials uninitialized for ID")
	}
}

func writeJSON(w http.ResponseWriter, status int, body any) {
	text, err := json.Marshal(body)
	if err != nil { // the agent's answer to its own failure
		status, text = http.StatusInternalServerError, []byte("{}")
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(text) // whoever went away does not hear it
}
