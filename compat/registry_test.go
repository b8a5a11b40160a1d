package compat

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"strings"
	"sync"
	"testing"
)

// A registry is a little one on this machine, whom engines trust because it is at 127.0.0.1. It counts who pulls.
type registry struct {
	host  string // and port
	mu    sync.Mutex
	blobs map[string][]byte
	kinds map[string]string
	tags  map[string]string // digest of "repository:tag"
	pulls map[string]int
	// private wants the user ann with the password secret.
	private bool
}

// newRegistry starts one.
func newRegistry(t *testing.T, private bool) *registry {
	t.Helper()
	needBeside(t)
	r := &registry{private: private, blobs: map[string][]byte{}, kinds: map[string]string{}, tags: map[string]string{}, pulls: map[string]int{}}
	server := httptest.NewServer(r)
	t.Cleanup(server.Close)
	r.host = strings.TrimPrefix(server.URL, "http://")
	return r
}

const manifestKind = "application/vnd.docker.distribution.manifest.v2+json"

// put adds an image with the workload, for an architecture, and answers its name.
func (r *registry) put(t *testing.T, name, arch string) string {
	t.Helper()
	made := engine(t, "create", workload)
	defer engine(t, "rm", "-f", made)
	layer, err := exec.Command("docker", "export", made).Output()
	if err != nil {
		t.Fatal(err)
	}
	var small bytes.Buffer // without what the engine adds
	w := tar.NewWriter(&small)
	for in := tar.NewReader(bytes.NewReader(layer)); ; {
		h, err := in.Next()
		if err != nil {
			break
		}
		if h.Name == "workload" {
			w.WriteHeader(h)
			buffer := make([]byte, h.Size)
			for read := 0; read < len(buffer); {
				n, err := in.Read(buffer[read:])
				if read += n; err != nil {
					break
				}
			}
			w.Write(buffer)
		}
	}
	w.Close()
	config, _ := json.Marshal(map[string]any{"architecture": arch, "os": "linux", "config": map[string]any{"Entrypoint": []string{"/workload"}},
		"rootfs": map[string]any{"type": "layers", "diff_ids": []string{digest(small.Bytes())}}, "created": "2020-01-01T00:00:00Z"})
	manifest, _ := json.Marshal(map[string]any{"schemaVersion": 2, "mediaType": manifestKind,
		"config": map[string]any{"mediaType": "application/vnd.docker.container.image.v1+json", "size": len(config), "digest": digest(config)},
		"layers": []any{map[string]any{"mediaType": "application/vnd.docker.image.rootfs.diff.tar", "size": small.Len(), "digest": digest(small.Bytes())}}})
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, blob := range [][]byte{small.Bytes(), config, manifest} {
		r.blobs[digest(blob)] = blob
	}
	r.kinds[digest(manifest)] = manifestKind
	r.tags[name] = digest(manifest)
	full := r.host + "/" + name
	t.Cleanup(func() { exec.Command("docker", "rmi", "-f", full).Run() })
	return full
}

func digest(b []byte) string { return fmt.Sprintf("sha256:%x", sha256.Sum256(b)) }

// pulled is how often a manifest was asked for.
func (r *registry) pulled(name string) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.pulls[name]
}

// ServeHTTP implements http.Handler.
func (r *registry) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	refuse := func(status int, code, message string) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		fmt.Fprintf(w, `{"errors":[{"code":%q,"message":%q}]}`, code, message)
	}
	user, password, _ := q.BasicAuth()
	path := strings.TrimPrefix(q.URL.Path, "/v2/")
	w.Header().Set("Docker-Distribution-Api-Version", "registry/2.0")
	if r.private && (user != "ann" || password != "secret") {
		w.Header().Set("WWW-Authenticate", `Basic realm="compat"`)
		refuse(http.StatusUnauthorized, "DENIED", "requested access to the resource is denied")
		return
	}
	if path == "" {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	name, wanted, blob := strings.Cut(path, "/blobs/")
	if !blob {
		name, wanted, _ = strings.Cut(path, "/manifests/")
		if d, ok := r.tags[name+":"+wanted]; ok {
			r.pulls[name+":"+wanted]++
			wanted = d
		}
	}
	data, ok := r.blobs[wanted]
	if !ok {
		refuse(http.StatusNotFound, "MANIFEST_UNKNOWN", "manifest unknown")
		return
	}
	w.Header().Set("Docker-Content-Digest", wanted)
	w.Header().Set("Content-Type", r.kinds[wanted])
	w.Header().Set("Content-Length", fmt.Sprint(len(data)))
	w.Write(data)
}
