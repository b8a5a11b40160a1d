package docker

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/mount"

	"github.com/batch-local/batch-local/emulator/api"
	"github.com/batch-local/batch-local/emulator/batch"
)

// accountFolder is where Kubernetes puts what a pod's service account needs to talk to its cluster (runtime.md 5.1).
const accountFolder = "/var/run/secrets/kubernetes.io/serviceaccount"

// mountAccount gives a container the files of its pod's service account, unless it mounts something there itself. There is no cluster to talk to, so
// there is no ca.crt, and the token opens nothing.
func (r *run) mountAccount(ctx context.Context, k *api.EksContainer, host *container.HostConfig) error {
	for _, m := range k.VolumeMounts {
		if api.Value(m.MountPath) == accountFolder {
			return nil
		}
	}
	pod := r.attempt.Pod
	name := "default"
	if pod.Properties != nil && api.Value(pod.Properties.ServiceAccountName) != "" {
		name = *pod.Properties.ServiceAccountName
	}
	volume, _, err := r.filledVolume(ctx, accountFolder, []batch.File{
		{Path: "namespace", Content: []byte(pod.Namespace)},
		{Path: "token", Content: []byte(accountToken(pod, name))},
	})
	if err != nil {
		return err
	}
	host.Mounts = append(host.Mounts, mount.Mount{Type: mount.TypeVolume, Source: volume, Target: accountFolder, ReadOnly: true})
	return nil
}

// accountToken looks like one of Kubernetes's.
func accountToken(pod *batch.Pod, account string) string {
	part := func(v any) string {
		data, _ := json.Marshal(v) // maps of texts
		return base64.RawURLEncoding.EncodeToString(data)
	}
	seal := make([]byte, 64)
	rand.Read(seal) // never fails
	return part(map[string]string{"alg": "RS256", "typ": "JWT"}) + "." + part(map[string]any{
		"iss": "batch-local", "sub": "system:serviceaccount:" + pod.Namespace + ":" + account,
		"kubernetes.io": map[string]any{"namespace": pod.Namespace, "pod": map[string]string{"name": pod.Name}, "serviceaccount": map[string]string{"name": account}},
	}) + "." + base64.RawURLEncoding.EncodeToString(seal)
}
