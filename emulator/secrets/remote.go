package secrets

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	managertypes "github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"
	"github.com/aws/aws-sdk-go-v2/service/ssm"

	"github.com/batch-local/batch-local/emulator/batch"
)

const (
	remotePatience = 10 * time.Second
	remoteAttempts = 3
	// maxNames is how many parameters GetParameters takes.
	maxNames = 10
)

// A remote is a Secrets Manager and a Systems Manager beside us.
// Guess: we sign as the account of the ARN, because services beside us go by that, and have no shared secrets.
type remote struct {
	url    string
	client *http.Client
}

func account(at batch.Scope) aws.CredentialsProvider {
	return credentials.NewStaticCredentialsProvider(at.Account, "test", "")
}

// secret is the text of a secret's version.
func (r *remote) secret(ctx context.Context, ref reference) (string, error) {
	client := secretsmanager.New(secretsmanager.Options{
		BaseEndpoint: &r.url, Region: ref.at.Region, Credentials: account(ref.at), HTTPClient: r.client, RetryMaxAttempts: remoteAttempts,
	})
	in := &secretsmanager.GetSecretValueInput{SecretId: &ref.id}
	if ref.stage != "" {
		in.VersionStage = &ref.stage
	}
	if ref.version != "" {
		in.VersionId = &ref.version
	}
	out, err := client.GetSecretValue(ctx, in)
	var missing *managertypes.ResourceNotFoundException
	switch {
	case errors.As(err, &missing):
		return "", noSecret(ref.id)
	case err != nil:
		return "", fmt.Errorf("secret %s: %w", ref.id, err)
	case out.SecretString == nil:
		// Guess: the agent takes it for an empty text, and fails without a word if there is a json key.
		return "", errors.New("secret " + ref.id + ": it has no SecretString, and SecretBinary is not supported")
	}
	return *out.SecretString, nil
}

// parameters are the decrypted texts of those that are there, by name.
func (r *remote) parameters(ctx context.Context, at batch.Scope, names []string) (map[string]string, error) {
	client := ssm.New(ssm.Options{
		BaseEndpoint: &r.url, Region: at.Region, Credentials: account(at), HTTPClient: r.client, RetryMaxAttempts: remoteAttempts,
	})
	found := map[string]string{}
	for some := range slices.Chunk(names, maxNames) {
		out, err := client.GetParameters(ctx, &ssm.GetParametersInput{Names: some, WithDecryption: aws.Bool(true)})
		if err != nil {
			return nil, err
		}
		for _, p := range out.Parameters {
			// A version or label that was asked for (name:3) is not in the name of the answer.
			found[aws.ToString(p.Name)+aws.ToString(p.Selector)] = aws.ToString(p.Value)
			found[aws.ToString(p.ARN)+aws.ToString(p.Selector)] = aws.ToString(p.Value)
		}
	}
	return found, nil
}
