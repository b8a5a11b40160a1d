package docker

import (
	"context"

	"github.com/batch-local/batch-local/emulator/api"
	"github.com/batch-local/batch-local/emulator/batch"
)

// Secrets are where the values of secrets come from (runtime.md 2.6, 2.7).
type Secrets interface {
	// Resolve answers the values of references, in their order; its error is what ECS would say.
	Resolve(ctx context.Context, scope batch.Scope, references []string) ([]string, error)
	// Repository answers whose password a secret is.
	Repository(ctx context.Context, scope batch.Scope, parameter string) (username, password string, err error)
	// Named answers the keys of a secret of Kubernetes.
	Named(name string) (map[string]string, bool)
}

// resourceInitialization is the failure of what a task needs before its containers (runtime.md 2.4, 2.6, 9).
const resourceInitialization = "ResourceInitializationError"

// resolve gets the values of all secrets of the task, once for each attempt.
func (r *run) resolve(ctx context.Context) error {
	var references []string
	var put []func(value string)
	want := func(s api.Secret, into []map[string]string, index int) {
		references = append(references, api.Value(s.ValueFrom))
		put = append(put, func(value string) {
			if into[index] == nil {
				into[index] = map[string]string{}
			}
			into[index][api.Value(s.Name)] = value
		})
	}
	r.secretEnv, r.secretOptions = make([]map[string]string, len(r.units)), make([]map[string]string, len(r.units))
	for i, u := range r.units {
		p := u.container.Properties
		if p == nil {
			continue
		}
		for _, s := range p.Secrets {
			want(s, r.secretEnv, i)
		}
		if l := p.LogConfiguration; l != nil {
			for _, s := range l.SecretOptions {
				want(s, r.secretOptions, i)
			}
		}
	}
	if len(references) == 0 {
		return nil
	}
	if r.driver.options.Secrets == nil {
		return &failure{resourceInitialization, "unable to pull secrets or registry auth: batch-local was started without --secrets and --secrets-endpoint"}
	}
	values, err := r.driver.options.Secrets.Resolve(ctx, r.attempt.Scope, references)
	switch {
	case err != nil && ctx.Err() != nil:
		return ctx.Err()
	case err != nil:
		return &failure{resourceInitialization, "unable to pull secrets or registry auth: " + err.Error()}
	}
	for i, value := range values {
		put[i](value)
	}
	return nil
}

// registryAuth is the X-Registry-Auth of a container's image: of its own credentials, of its pod's, or of the docker command's settings.
func (r *run) registryAuth(ctx context.Context, c batch.Container) (string, error) {
	d, name := r.driver, r.driver.renamed(c.Image)
	if c.Properties != nil && c.Properties.RepositoryCredentials != nil && d.options.Secrets != nil {
		user, password, err := d.options.Secrets.Repository(ctx, r.attempt.Scope, api.Value(c.Properties.RepositoryCredentials.CredentialsParameter))
		if err != nil {
			return "", &failure{resourceInitialization, "unable to pull secrets or registry auth: " + err.Error()}
		}
		return encodeAuth(map[string]string{"username": user, "password": password, "serveraddress": registryOf(name)}), nil
	}
	if r.attempt.Pod != nil && r.attempt.Pod.Properties != nil {
		for _, s := range r.attempt.Pod.Properties.ImagePullSecrets {
			keys, _ := d.named(api.Value(s.Name))
			if auth, ok := authIn([]byte(keys[".dockerconfigjson"]), name); ok {
				return auth, nil
			}
		}
	}
	return registryAuth(ctx, name), nil
}

func (d *Driver) named(secret string) (map[string]string, bool) {
	if d.options.Secrets == nil {
		return nil, false
	}
	return d.options.Secrets.Named(secret)
}
