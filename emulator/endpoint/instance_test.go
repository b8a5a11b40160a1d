package endpoint_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/batch-local/batch-local/emulator/batch"
	"github.com/batch-local/batch-local/emulator/endpoint"
)

// An imds asks for the metadata of the instance on which a task runs.
type imds struct {
	*testing.T
	server *endpoint.Server
	task   batch.Task
}

func newIMDS(t *testing.T, change func(*batch.Task)) imds {
	task := onEC2()
	task.HostLaunchedAt = time.Date(2026, 1, 2, 3, 4, 5, 6e6, time.UTC).UnixMilli()
	task.Host, task.HostName, task.HostType, task.HostRole = "i-0123456789abcdef0", "ip-172-31-4-5", "c5.large", "arn:aws:iam::111122223333:instance-profile/path/worker"
	if change != nil {
		change(&task)
	}
	return imds{t, endpoint.New(endpoint.Options{}), task}
}

func (i imds) ask(method, path string, header ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, path, nil)
	for n := 0; n < len(header); n += 2 {
		r.Header.Set(header[n], header[n+1])
	}
	w := httptest.NewRecorder()
	i.server.ServeInstance(w, r, i.task, netip.MustParseAddr("172.18.0.5"))
	return w
}

func (i imds) wants(path string, code int, text string) {
	i.Helper()
	if w := i.ask("GET", path); w.Code != code || code == 200 && w.Body.String() != text {
		i.Errorf("%s: %d %q, want %d %q", path, w.Code, w.Body, code, text)
	}
}

const roleFolder = "/latest/meta-data/iam/security-credentials/"

// TestInstance is what programs ask the instance metadata service for (runtime.md 2.8: on EC2 it is reachable).
func TestInstance(t *testing.T) {
	i := newIMDS(t, nil)
	for path, want := range map[string]string{
		"/": "1.0\n2021-07-15\nlatest", "/latest": "dynamic\nmeta-data", "/latest/": "dynamic\nmeta-data",
		"/latest/meta-data/instance-id":                 "i-0123456789abcdef0",
		"/2021-07-15/meta-data/instance-id":             "i-0123456789abcdef0",
		"/latest/meta-data/instance-type":               "c5.large",
		"/latest/meta-data/local-ipv4":                  "172.18.0.5",
		"/latest/meta-data/local-hostname":              "ip-172-31-4-5.ec2.internal",
		"/latest/meta-data/placement":                   "availability-zone\navailability-zone-id\nregion",
		"/latest/meta-data/placement/":                  "availability-zone\navailability-zone-id\nregion",
		"/latest/meta-data/placement/availability-zone": "us-east-1a",
		"/latest/meta-data/placement/region":            "us-east-1",
		"/latest/meta-data/services/partition":          "aws",
		"/latest/meta-data/iam/":                        "info\nsecurity-credentials/",
		roleFolder:                                      "worker",
	} {
		i.wants(path, 200, want)
	}
	for _, path := range []string{"/latest/meta-data/spot/instance-action", "/latest/meta-data/public-ipv4", "/latest/user-data", roleFolder + "other", "/nothing"} {
		i.wants(path, 404, "")
	}
	var listed []string
	for name := range strings.Lines(i.ask("GET", "/latest/meta-data/").Body.String()) {
		listed = append(listed, strings.TrimSpace(name))
	}
	for _, name := range listed { // each name that is listed is there
		if w := i.ask("GET", "/latest/meta-data/"+name); w.Code != 200 || w.Body.Len() == 0 {
			t.Errorf("%s: %d %q", name, w.Code, w.Body)
		}
	}
	var identity map[string]any
	if err := json.Unmarshal(i.ask("GET", "/latest/dynamic/instance-identity/document").Body.Bytes(), &identity); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"accountId", "region", "availabilityZone", "instanceId", "instanceType", "privateIp"} {
		if text, _ := identity[name].(string); text == "" {
			t.Errorf("the identity document has no %s: %v", name, identity)
		}
	}
	if got, want := identity["pendingTime"], "2026-01-02T03:04:05Z"; got != want { // its instance's, whenever it is asked for
		t.Errorf("the instance was launched at %v, want %v", got, want)
	}
	if w := i.ask("POST", "/latest/meta-data/"); w.Code != http.StatusMethodNotAllowed {
		t.Errorf("POST: %d", w.Code)
	}
}

// TestInstanceRole has the credentials of the instance role as SDKs read them.
func TestInstanceRole(t *testing.T) {
	i := newIMDS(t, nil)
	var got map[string]string
	if err := json.Unmarshal(i.ask("GET", roleFolder+"worker").Body.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(got["AccessKeyId"], "ASIA111122223333") || got["SecretAccessKey"] == "" || got["Token"] == "" || got["Expiration"] == "" || got["LastUpdated"] == "" {
		t.Errorf("%v", got)
	}
	if diff := cmp.Diff([]string{"Success", "AWS-HMAC"}, []string{got["Code"], got["Type"]}); diff != "" {
		t.Error(diff)
	}
	var info map[string]string
	if err := json.Unmarshal(i.ask("GET", "/latest/meta-data/iam/info").Body.Bytes(), &info); err != nil || info["InstanceProfileArn"] != "arn:aws:iam::111122223333:instance-profile/path/worker" {
		t.Errorf("%v, %v", info, err)
	}
	named := newIMDS(t, func(t *batch.Task) { t.HostRole = "ecsInstanceRole" })
	named.wants(roleFolder, 200, "ecsInstanceRole")
	none := newIMDS(t, func(t *batch.Task) { t.HostRole = "" }) // of an unmanaged environment nobody knows it
	none.wants(roleFolder, 404, "")
	none.wants("/latest/meta-data/iam/info", 404, "")
}

// TestInstanceToken is version 2 of the service.
func TestInstanceToken(t *testing.T) {
	const header, ttl = "X-aws-ec2-metadata-token", "X-aws-ec2-metadata-token-ttl-seconds"
	i := newIMDS(t, nil)
	w := i.ask("PUT", "/latest/api/token", ttl, "21600")
	if w.Code != 200 || w.Body.Len() == 0 || w.Header().Get(ttl) != "21600" {
		t.Fatalf("%d %q %v", w.Code, w.Body, w.Header())
	}
	token := w.Body.String()
	if w := i.ask("GET", "/latest/meta-data/instance-id", header, token); w.Code != 200 {
		t.Errorf("with its token: %d", w.Code)
	}
	for name, wrong := range map[string]string{"nonsense": "nonsense", "one that ends": token[:len(token)-8], "another server's": newIMDS(t, nil).ask("PUT", "/latest/api/token", ttl, "60").Body.String()} {
		if w := i.ask("GET", "/latest/meta-data/instance-id", header, wrong); w.Code != http.StatusUnauthorized {
			t.Errorf("with %s: %d", name, w.Code)
		}
	}
	other := i
	other.task.Host = "i-1"
	if w := other.ask("GET", "/latest/meta-data/instance-id", header, token); w.Code != http.StatusUnauthorized {
		t.Errorf("another instance's: %d", w.Code)
	}
	for _, seconds := range []string{"", "0", "21601", "x"} {
		if w := i.ask("PUT", "/latest/api/token", ttl, seconds); w.Code != http.StatusBadRequest {
			t.Errorf("for %q seconds: %d", seconds, w.Code)
		}
	}
	if w := i.ask("PUT", "/latest/api/token", ttl, "60", "X-Forwarded-For", "10.0.0.1"); w.Code != http.StatusForbidden {
		t.Errorf("through a proxy: %d", w.Code)
	}
	if w := i.ask("GET", "/latest/api/token"); w.Code != http.StatusMethodNotAllowed {
		t.Errorf("GET: %d", w.Code)
	}
}
