package endpoint

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"net/http"
	"strconv"
	"time"

	"github.com/batch-local/batch-local/emulator/batch"
)

// Headers of version 2 of the instance metadata service.
const (
	tokenHeader    = "X-Aws-Ec2-Metadata-Token"
	tokenTTLHeader = "X-Aws-Ec2-Metadata-Token-Ttl-Seconds"
)

// longestToken is how many seconds a token may live.
const longestToken = 21600

// tokens makes and checks session tokens: the end of their life and a signature, so that none needs to be remembered.
type tokens struct{ key []byte }

func newTokens() tokens {
	key := make([]byte, 32)
	_, _ = rand.Read(key) // never fails, says crypto/rand
	return tokens{key}
}

func (t tokens) sign(end []byte, host batch.HostID) []byte {
	h := hmac.New(sha256.New, t.key)
	h.Write(end)
	h.Write([]byte(host))
	return h.Sum(nil)
}

// issue makes a token of an instance that is good until an instant.
func (t tokens) issue(host batch.HostID, until time.Time) string {
	end := binary.BigEndian.AppendUint64(nil, uint64(until.Unix()))
	return base64.URLEncoding.EncodeToString(append(end, t.sign(end, host)...))
}

func (t tokens) valid(token string, host batch.HostID, now time.Time) bool {
	b, err := base64.URLEncoding.DecodeString(token)
	if err != nil || len(b) < 8 || !hmac.Equal(b[8:], t.sign(b[:8], host)) {
		return false
	}
	return now.Unix() < int64(binary.BigEndian.Uint64(b))
}

// serveToken answers PUT /latest/api/token.
func (s *Server) serveToken(w http.ResponseWriter, r *http.Request, host batch.HostID) {
	seconds, err := strconv.Atoi(r.Header.Get(tokenTTLHeader))
	switch {
	case r.Method != http.MethodPut:
		w.Header().Set("Allow", "OPTIONS, PUT")
		http.Error(w, http.StatusText(http.StatusMethodNotAllowed), http.StatusMethodNotAllowed)
	case r.Header.Get("X-Forwarded-For") != "": // what a proxy passes on does not come from the instance
		http.Error(w, http.StatusText(http.StatusForbidden), http.StatusForbidden)
	case err != nil || seconds < 1 || seconds > longestToken:
		http.Error(w, http.StatusText(http.StatusBadRequest), http.StatusBadRequest)
	default:
		w.Header().Set(tokenTTLHeader, strconv.Itoa(seconds))
		writeText(w, s.tokens.issue(host, time.Now().Add(time.Duration(seconds)*time.Second)))
	}
}
