package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"

	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/batch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
)

// A Client speaks to one server, for one account and region.
type Client struct {
	Endpoint Endpoint
	Identity Identity
	Batch    *batch.Client
	Logs     *cloudwatchlogs.Client
	http     *http.Client
}

// New makes a client. It does not call.
func New(endpoint Endpoint, who Identity) *Client {
	transport := &reporter{endpoint, http.DefaultTransport.(*http.Transport).Clone()}
	plain := &http.Client{Transport: transport}
	keys := credentials.NewStaticCredentialsProvider(who.AccessKey, Secret, "")
	patience := retry.NewStandard(func(o *retry.StandardOptions) {
		// A server of one's own that does not answer will not do so in a second either.
		o.Retryables = []retry.IsErrorRetryable{retry.RetryableErrorCode{Codes: retry.DefaultThrottleErrorCodes}}
	})
	return &Client{
		Endpoint: endpoint,
		Identity: who,
		http:     plain,
		Batch: batch.New(batch.Options{
			BaseEndpoint: &endpoint.URL, Region: who.Region, Credentials: keys, HTTPClient: plain, Retryer: patience,
		}),
		Logs: cloudwatchlogs.New(cloudwatchlogs.Options{
			BaseEndpoint: &endpoint.URL, Region: who.Region, Credentials: keys, HTTPClient: plain, Retryer: patience,
		}),
	}
}

// Close drops the connections.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// Secret signs every call: nobody checks it, so nobody's real one is used.
const Secret = "test"

// An Identity is what a signature tells a server: the account, if the access key is twelve digits, and the region.
type Identity struct{ AccessKey, Region string }

// Identify finds the identity where an SDK does: the environment, else the profile in the shared files. Without any it
// is "test" in us-east-1.
func Identify(ctx context.Context) (Identity, error) {
	env, err := config.NewEnvConfig()
	if err != nil {
		return Identity{}, err
	}
	who := Identity{AccessKey: env.Credentials.AccessKeyID, Region: env.Region}
	if who.AccessKey == "" || who.Region == "" {
		shared, err := profile(ctx, env)
		if err != nil {
			return Identity{}, err
		}
		if who.AccessKey == "" {
			who.AccessKey = shared.Credentials.AccessKeyID
		}
		if who.Region == "" {
			who.Region = shared.Region
		}
	}
	if who.AccessKey == "" {
		who.AccessKey = "test"
	}
	if who.Region == "" {
		who.Region = "us-east-1"
	}
	return who, nil
}

// profile is the chosen profile of the shared files. That the default one is not there is no error.
func profile(ctx context.Context, env config.EnvConfig) (config.SharedConfig, error) {
	name := env.SharedConfigProfile
	if name == "" {
		name = config.DefaultSharedConfigProfile
	}
	shared, err := config.LoadSharedConfigProfile(ctx, name, func(o *config.LoadSharedConfigOptions) {
		if env.SharedConfigFile != "" {
			o.ConfigFiles = []string{env.SharedConfigFile}
		}
		if env.SharedCredentialsFile != "" {
			o.CredentialsFiles = []string{env.SharedCredentialsFile}
		}
	})
	var missing config.SharedConfigProfileNotExistError
	if errors.As(err, &missing) && env.SharedConfigProfile == "" {
		return config.SharedConfig{}, nil
	}
	return shared, err
}

// UnreachableError says that nothing answers at an endpoint.
type UnreachableError struct {
	Endpoint Endpoint
	Err      error
}

func (e *UnreachableError) Error() string {
	return fmt.Sprintf("nothing answers at %s: %v", e.Endpoint.Said(), innermost(e.Err))
}

func (e *UnreachableError) Unwrap() error { return e.Err }

// innermost leaves away what a person already knows: that it was a dial over TCP.
func innermost(err error) error {
	var op *net.OpError
	if errors.As(err, &op) {
		return op.Err
	}
	return err
}

// reporter turns a failed connection into an UnreachableError, whoever asked for it.
type reporter struct {
	endpoint Endpoint
	next     *http.Transport
}

func (r *reporter) RoundTrip(request *http.Request) (*http.Response, error) {
	if request.Body != nil {
		// The SDK closes the body when the answer begins. Then its WriteTo (smithy-go 1.28) fails, with which net/http makes sure that nothing is left of it;
		// and that breaks the connection in the middle of the answer. Its Read does not.
		request = request.WithContext(request.Context())
		request.Body = struct{ io.ReadCloser }{request.Body}
	}
	response, err := r.next.RoundTrip(request)
	var op *net.OpError
	if errors.As(err, &op) && op.Op == "dial" && request.Context().Err() == nil {
		return nil, &UnreachableError{r.endpoint, err}
	}
	return response, err
}

// CloseIdleConnections is what http.Client.CloseIdleConnections looks for.
func (r *reporter) CloseIdleConnections() { r.next.CloseIdleConnections() }
