package docker

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"math/big"
	"sync"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/mount"

	"github.com/batch-local/batch-local/emulator/api"
	"github.com/batch-local/batch-local/emulator/batch"
)

// accountFolder is where Kubernetes puts what a pod's service account needs to talk to its cluster (runtime.md 5.1).
const accountFolder = "/var/run/secrets/kubernetes.io/serviceaccount"

// mountAccount gives a container the files of its pod's service account, unless it mounts something there itself. There is no cluster to talk to: the
// token opens nothing, and nobody has a certificate that ca.crt vouches for. But clients read all three before they talk.
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
	ca, err := r.driver.authority.certificate()
	if err != nil {
		return err
	}
	volume, _, err := r.filledVolume(ctx, accountFolder, []batch.File{
		{Path: "ca.crt", Content: ca},
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

// An authority is the cluster's, as far as pods can see: a certificate that signs itself. The zero value makes it when it is first wanted.
type authority struct {
	once sync.Once
	pem  []byte
	err  error
}

// authorityLife is that of kubeadm's.
const authorityLife = 10 * 365 * 24 * time.Hour

// certificate is PEM, the same at each call.
func (a *authority) certificate() ([]byte, error) {
	a.once.Do(func() { a.pem, a.err = newCertificate(time.Now()) })
	return a.pem, a.err
}

func newCertificate(now time.Time) ([]byte, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make the cluster's key: %w", err)
	}
	is := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "kubernetes"}, DNSNames: []string{"kubernetes"},
		NotBefore: now.Add(-time.Hour), NotAfter: now.Add(authorityLife), // containers on the engine's machine may be a little behind
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature | x509.KeyUsageKeyEncipherment,
	}
	der, err := x509.CreateCertificate(rand.Reader, is, is, key.Public(), key)
	if err != nil {
		return nil, fmt.Errorf("make the cluster's certificate: %w", err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), nil
}
