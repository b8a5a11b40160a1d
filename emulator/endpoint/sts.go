package endpoint

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/batch-local/batch-local/emulator/batch"
)

// An STS beside us, such as LocalStack's or moto's, is asked to assume the role.
type STS struct {
	URL string
	// Client is what it is asked with; nil is one with little patience.
	Client *http.Client
}

// stsPatience is short, because clients in containers wait a second or two, and ask again.
const stsPatience = 3 * time.Second

// Credentials implements Roles. We sign as the job's account, which is what such services go by.
func (s STS) Credentials(ctx context.Context, scope batch.Scope, role, session string) (Credentials, error) {
	asked := s.Client
	if asked == nil {
		asked = &http.Client{Timeout: stsPatience}
	}
	client := sts.New(sts.Options{
		BaseEndpoint:     &s.URL,
		Region:           scope.Region,
		Credentials:      credentials.NewStaticCredentialsProvider(scope.Account, "test", ""),
		HTTPClient:       asked,
		RetryMaxAttempts: 2,
	})
	out, err := client.AssumeRole(ctx, &sts.AssumeRoleInput{RoleArn: &role, RoleSessionName: &session})
	if err != nil {
		return Credentials{}, fmt.Errorf("assume the role %s: %w", role, err)
	}
	c := out.Credentials
	if c == nil || c.AccessKeyId == nil || c.SecretAccessKey == nil {
		return Credentials{}, errors.New("assume the role " + role + ": the answer has no credentials")
	}
	given := Credentials{RoleARN: role, AccessKeyID: *c.AccessKeyId, SecretAccessKey: *c.SecretAccessKey, Token: aws.ToString(c.SessionToken)}
	if given.Expiration = aws.ToTime(c.Expiration); given.Expiration.IsZero() {
		given.Expiration = time.Now().Add(time.Hour)
	}
	return given, nil
}
