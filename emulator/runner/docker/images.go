package docker

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"
	"time"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/image"
	"github.com/docker/docker/api/types/versions"
	"github.com/docker/docker/client"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/batch-local/batch-local/emulator/api"
	"github.com/batch-local/batch-local/emulator/batch"
)

// Times of a pull (runtime.md 11.1).
const (
	pullInactivity = time.Minute
	pullBegin      = 5 * time.Minute
	pullTries      = 5
	firstPullPause = 1100 * time.Millisecond
	lastPullPause  = 5 * time.Second
)

// A picture is an image as a container wants it.
type picture struct {
	name     string // on the engine
	platform *ocispec.Platform
	policy   string // "missing", "always" or "never"
	auth     func(ctx context.Context) (string, error)
	// absent is what Kubernetes calls an image that a pod's own policy forbids to pull; empty for all others.
	absent string
}

// errImageNeverPull is a reason in Kubernetes's words.
const errImageNeverPull = "ErrImageNeverPull"

// renamed replaces the beginning of an image's name by what the user says (runtime.md 11.3). The first mapping that fits counts.
func (d *Driver) renamed(name string) string {
	for _, m := range d.imageMap {
		at := m.from.FindStringIndex(name)
		if at == nil {
			continue
		}
		// The beginning ends where a part of a name does: "a/b" does not stand for "a/bc".
		if rest := name[at[1]:]; rest == "" || strings.ContainsAny(rest[:1], "/:@") || strings.HasSuffix(name[:at[1]], "/") {
			return m.to + rest
		}
	}
	return name
}

// imageMapping is one of --image-map.
type imageMapping struct {
	from *regexp.Regexp
	to   string
}

// imageMappings compiles mappings. A star stands for any characters but slashes.
func imageMappings(list []Mapping) (all []imageMapping) {
	for _, m := range list {
		all = append(all, imageMapping{regexp.MustCompile("^" + strings.ReplaceAll(regexp.QuoteMeta(m.From), `\*`, "[^/]*")), m.To})
	}
	return all
}

// kubernetesPolicies are the words of eksProperties for ours (runtime.md 5.2).
func kubernetesPolicies(word string) (policy string, ok bool) {
	policy, ok = map[string]string{"Always": "always", "IfNotPresent": "missing", "Never": "never"}[word]
	return policy, ok
}

// pictureOf is what a container wants of an image, but for the credentials to pull it with.
//
// Guess: of a pod's container without a policy ours counts, though Kubernetes would pull "latest" always: images that were built here are in no registry.
func (d *Driver) pictureOf(t batch.Task, c batch.Container) picture {
	p := picture{name: d.renamed(c.Image), policy: d.options.Pull}
	if k := c.Kubernetes; k != nil {
		if policy, ok := kubernetesPolicies(api.Value(k.ImagePullPolicy)); ok {
			p.policy = policy
			if policy == "never" {
				p.absent = errImageNeverPull
			}
		}
	}
	if c.Properties == nil {
		return p
	}
	if r := c.Properties.RuntimePlatform; r != nil {
		arch := map[string]string{"ARM64": "arm64"}[api.Value(r.CpuArchitecture)]
		if arch == "" {
			arch = "amd64"
		}
		p.platform = &ocispec.Platform{OS: "linux", Architecture: arch}
		if strings.HasPrefix(api.Value(r.OperatingSystemFamily), "WINDOWS") {
			p.platform.OS = "windows"
		}
	}
	return p
}

// image has an image there by its policy.
func (d *Driver) image(ctx context.Context, p picture) (image.InspectResponse, error) {
	if p.platform != nil && p.platform.OS != "linux" {
		return image.InspectResponse{}, &failure{cannotPull, fmt.Sprintf("no matching manifest for %s/%s in the manifest list entries: batch-local runs containers of Linux", p.platform.OS, p.platform.Architecture)}
	}
	if p.policy == "always" {
		if err := d.pull(ctx, p); err != nil {
			return image.InspectResponse{}, err
		}
	}
	is, err := d.inspectImage(ctx, p)
	missing := cerrdefs.IsNotFound(err)
	if err == nil && p.platform != nil && is.Architecture != p.platform.Architecture {
		missing, err = true, fmt.Errorf("image with reference %s was found but does not match the specified platform: wanted linux/%s, actual: linux/%s", p.name, p.platform.Architecture, is.Architecture)
	}
	switch {
	case err == nil:
		return is, nil
	case !missing:
		return is, fail(cannotCreate, "created", "4m0s", err)
	case p.absent != "":
		return is, &failure{p.absent, fmt.Sprintf("Container image %q is not present with pull policy of Never", p.name)}
	case p.policy == "never" && noSuchImage(err):
		return is, &failure{cannotPull, daemonPrefix + "No such image: " + p.name + " (images are never pulled here)"}
	case p.policy == "never":
		return is, &failure{cannotPull, fmt.Sprintf("%s (images are never pulled here)", daemonText(err))}
	}
	if err := d.pull(ctx, p); err != nil {
		return is, err
	}
	is, err = d.inspectImage(ctx, p)
	return is, fail(cannotPull, "pulled", pullBegin.String(), err)
}

// inspectImage looks at an image. Engines whose images are containerd's, which is what Docker 29 begins with, have several platforms of one name and tell
// of their own unless they are asked; older engines have one, and cannot be asked.
func (d *Driver) inspectImage(ctx context.Context, p picture) (image.InspectResponse, error) {
	var options []client.ImageInspectOption
	if p.platform != nil && versions.GreaterThanOrEqualTo(d.client.ClientVersion(), "1.49") {
		options = append(options, client.ImageInspectWithPlatform(p.platform))
	}
	return d.client.ImageInspect(ctx, p.name, options...)
}

// pull fetches an image, again if the registry is in trouble. Who waits decides for itself how long it tries; those who do so at the same moment share one pull.
func (d *Driver) pull(ctx context.Context, p picture) error {
	auth, err := p.auth(ctx)
	if err != nil {
		return err
	}
	pause := firstPullPause
	for try := 1; ; try++ {
		err := d.pullOnce(ctx, p, auth)
		if try == pullTries || !registryTrouble(err) {
			return err
		}
		d.log.Info("a registry is in trouble; the image is pulled again soon", "image", p.name, "try", try, "error", err)
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return ctx.Err()
		}
		pause = min(2*pause, lastPullPause)
	}
}

// troubles are what engines say of a registry that answered 429 or 5xx, which may be over soon. Engines with containerd's images leave out the code where
// the registry said a sentence, so the sentences of Docker Hub and of ECR are here too.
var troubles = regexp.MustCompile(`(?i)\btoomanyrequests\b|too many requests|\b(500 Internal Server Error|502 Bad Gateway|503 Service Unavailable|504 Gateway Time-?out)\b|\bHTTP (status:? )?(429|50[0234])\b|\bstatus code:? (429|50[0234])\b|\berror from registry: .*(\brate limit\b|\brate exceeded\b|service unavailable)`)

// registryTrouble says whether a pull that failed may go well a little later.
func registryTrouble(err error) bool {
	var f *failure
	return errors.As(err, &f) && f.name == cannotPull && troubles.MatchString(f.text)
}

// pullOnce is one try; who asks while one of the same name goes on waits for that one. It ends when the last of those is served, not when the first
// gives up.
func (d *Driver) pullOnce(ctx context.Context, p picture, auth string) error {
	key := p.name + " " + auth // others may not use what somebody's password got
	if p.platform != nil {
		key += " " + p.platform.Architecture
	}
	done := d.pulls.DoChan(key, func() (any, error) { return nil, d.fetch(context.WithoutCancel(ctx), p, auth) })
	select {
	case r := <-done:
		return r.Err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// fetch is one pull. Errors come inside the stream, with status 200, so it is read to its end. The plain text of an error is what old engines say; from
// API 1.48 on it is deprecated.
func (d *Driver) fetch(ctx context.Context, p picture, auth string) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	quiet := time.AfterFunc(pullBegin, func() { cancel(context.DeadlineExceeded) })
	defer quiet.Stop()
	options := image.PullOptions{RegistryAuth: auth}
	if p.platform != nil {
		options.Platform = p.platform.OS + "/" + p.platform.Architecture
	}
	stream, err := d.client.ImagePull(ctx, p.name, options)
	if err != nil {
		return pullFailure(ctx, err)
	}
	defer stream.Close()
	for decoder := json.NewDecoder(stream); ; {
		var line struct {
			Error  string `json:"error"`
			Detail struct {
				Message string `json:"message"`
			} `json:"errorDetail"`
		}
		quiet.Reset(pullInactivity)
		err := decoder.Decode(&line)
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return pullFailure(ctx, err)
		case line.Detail.Message != "" || line.Error != "":
			return pullFailure(ctx, errors.New(daemonPrefix+cmp.Or(line.Detail.Message, line.Error)))
		}
	}
}

// pullFailure words an error as ECS does.
func pullFailure(ctx context.Context, err error) error {
	if errors.Is(context.Cause(ctx), context.DeadlineExceeded) {
		return &failure{timedOut, "Could not transition to pulled; timed out after waiting " + pullBegin.String()}
	}
	return fail(cannotPull, "pulled", pullBegin.String(), err)
}

// noSuchImage tells a missing image from a missing network or container, which are "not found" too.
func noSuchImage(err error) bool {
	return cerrdefs.IsNotFound(err) && strings.Contains(strings.ToLower(err.Error()), "no such image")
}
