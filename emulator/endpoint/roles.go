package endpoint

import (
	"context"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"strings"
	"time"

	"github.com/batch-local/batch-local/emulator/batch"
)

// Roles gives the credentials of roles.
type Roles interface {
	// Credentials of a role, an ARN, for a session of that name in a job's account and region.
	Credentials(ctx context.Context, scope batch.Scope, role, session string) (Credentials, error)
}

// Credentials are temporary.
type Credentials struct {
	RoleARN, AccessKeyID, SecretAccessKey, Token string
	Expiration                                   time.Time
}

// RoleARN is the ARN of a role, which a job definition may also name.
func RoleARN(scope batch.Scope, role string) string {
	if strings.HasPrefix(role, "arn:") {
		return role
	}
	return "arn:" + scope.Partition() + ":iam::" + scope.Account + ":role/" + role
}

// Static gives dummies. They look like real ones, because clients check that; and the access key has the job's account inside, so that whoever
// goes by access keys, as this emulator does, takes the job for what it is.
type Static struct{}

// staticLife is how long the real ones live.
const staticLife = 6 * time.Hour

// Credentials implements Roles. The same session always gets the same keys.
func (Static) Credentials(_ context.Context, scope batch.Scope, role, session string) (Credentials, error) {
	short, long := sha256.Sum256([]byte(role+"\n"+session)), sha512.Sum512([]byte(role+"\n"+session))
	letters := make([]byte, 4)
	for i := range letters {
		letters[i] = 'A' + short[i]%26
	}
	return Credentials{
		RoleARN:         role,
		AccessKeyID:     "ASIA" + scope.Account + string(letters),
		SecretAccessKey: base64.StdEncoding.EncodeToString(short[2:]), // 40 characters
		Token:           base64.StdEncoding.EncodeToString(long[:]),
		Expiration:      time.Now().Add(staticLife).UTC().Truncate(time.Second),
	}, nil
}
