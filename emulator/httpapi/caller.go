package httpapi

import (
	"net/http"
	"regexp"
	"strings"

	"github.com/batch-local/batch-local/emulator/api"
)

// Callers knows who asks by the scope of a request's signature. The signature itself is not checked: there is nobody to
// be protected from, and any credentials are right (resources.md 0.1).
type Callers struct {
	// Account and Region are used where the signature does not say; empty is 000000000000 and us-east-1.
	Account, Region string
}

var (
	missingToken = &api.Error{Code: "MissingAuthenticationTokenException", Status: http.StatusForbidden, Message: "Missing Authentication Token"}

	accountKey = regexp.MustCompile(`^[0-9]{12}$`)
	// taskKey is an access key that batch-local gave to the role of a job (runtime.md 7): what runs in the job acts in the job's account.
	taskKey    = regexp.MustCompile(`^ASIA([0-9]{12})[A-Z]{4}$`)
	regionName = regexp.MustCompile(`^[a-z0-9-]{1,64}$`)
)

// Of reads the caller from the Authorization header or, for a presigned request, from the query. An access key of twelve digits is the
// account; one of a job's role has it inside.
func (c Callers) Of(r *http.Request) (api.Caller, error) {
	credential, err := credentialOf(r)
	if err != nil {
		return api.Caller{}, err
	}
	// KEY/20260101/us-east-1/batch/aws4_request; a key may have slashes in it, the rest may not.
	parts := strings.Split(credential, "/")
	if len(parts) < 5 || parts[len(parts)-1] != "aws4_request" {
		return api.Caller{}, incomplete("Credential must have at least 5 slash-delimited elements, eg. keyid/date/region/service/term, got '" + credential + "'")
	}
	key, region := strings.Join(parts[:len(parts)-4], "/"), parts[len(parts)-3]
	caller := api.Caller{Account: c.Account, Region: c.Region}
	if accountKey.MatchString(key) {
		caller.Account = key
	} else if inside := taskKey.FindStringSubmatch(key); inside != nil {
		caller.Account = inside[1]
	}
	if regionName.MatchString(region) {
		caller.Region = region
	}
	if caller.Account == "" {
		caller.Account = "000000000000"
	}
	if caller.Region == "" {
		caller.Region = "us-east-1"
	}
	return caller, nil
}

func credentialOf(r *http.Request) (string, error) {
	header := r.Header.Get("Authorization")
	if header == "" {
		if strings.Contains(r.URL.RawQuery, "X-Amz-Credential=") {
			return r.URL.Query().Get("X-Amz-Credential"), nil
		}
		return "", missingToken
	}
	_, rest, found := strings.Cut(header, "Credential=")
	if !found || !strings.HasPrefix(header, "AWS4-") {
		return "", incomplete("Authorization header requires 'Credential' parameter. Authorization header requires 'Signature' parameter. Authorization header requires 'SignedHeaders' parameter. Authorization=" + header)
	}
	credential, _, _ := strings.Cut(rest, ",")
	credential, _, _ = strings.Cut(credential, " ")
	return credential, nil
}

func incomplete(message string) *api.Error {
	return &api.Error{Code: "IncompleteSignatureException", Status: http.StatusForbidden, Message: message}
}
