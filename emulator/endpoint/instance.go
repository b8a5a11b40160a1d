package endpoint

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/netip"
	"path"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/batch-local/batch-local/emulator/batch"
)

// instanceImage has no meaning here.
const instanceImage = "ami-0123456789abcdef0"

// An instance is what its metadata service tells.
type instance struct {
	task batch.Task // one that runs on it
	ipv4 netip.Addr
	role string // the name of its role; empty is none
}

// ServeInstance answers what comes to 169.254.169.254 from a task on an instance with that address, as the EC2 instance metadata service does, version 1 and
// 2: who the instance is, and the credentials of the instance role, which are what a job without a role of its own has
// (https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/ec2-instance-metadata.html).
func (s *Server) ServeInstance(w http.ResponseWriter, r *http.Request, t batch.Task, ipv4 netip.Addr) {
	i := instance{task: t, ipv4: ipv4}
	if t.HostRole != "" {
		i.role = path.Base(t.HostRole)
	}
	version, rest, _ := strings.Cut(strings.TrimPrefix(path.Clean("/"+r.URL.Path), "/"), "/")
	token := r.Header.Get(tokenHeader)
	switch {
	case version == "latest" && rest == "api/token":
		s.serveToken(w, r, t.Host)
	case r.Method != http.MethodGet && r.Method != http.MethodHead:
		w.Header().Set("Allow", "OPTIONS, GET, HEAD")
		http.Error(w, http.StatusText(http.StatusMethodNotAllowed), http.StatusMethodNotAllowed)
	case token != "" && !s.tokens.valid(token, t.Host, time.Now()):
		http.Error(w, http.StatusText(http.StatusUnauthorized), http.StatusUnauthorized)
	case version == "":
		writeText(w, "1.0\n2021-07-15\nlatest")
	case !slices.Contains([]string{"1.0", "latest"}, version) && !isDate(version): // all are served alike
		http.Error(w, http.StatusText(http.StatusNotFound), http.StatusNotFound)
	case rest == "":
		writeText(w, "dynamic\nmeta-data")
	case rest == "dynamic/instance-identity/document":
		writeJSON(w, http.StatusOK, i.identity())
	case i.role != "" && rest == "meta-data/iam/security-credentials/"+i.role:
		s.serveInstanceCredentials(w, i)
	default:
		i.serveItem(w, rest)
	}
}

func isDate(version string) bool {
	_, err := time.Parse(time.DateOnly, version)
	return err == nil
}

// serveItem answers an item, or for a folder the names in it, those of folders with a slash.
func (i instance) serveItem(w http.ResponseWriter, at string) {
	items := i.items()
	if text, ok := items[at]; ok {
		writeText(w, text)
		return
	}
	var names []string
	for name := range items {
		if below, ok := strings.CutPrefix(name, at+"/"); ok {
			first, _, folder := strings.Cut(below, "/")
			if folder {
				first += "/"
			}
			names = append(names, first)
		}
	}
	if len(names) == 0 {
		http.Error(w, http.StatusText(http.StatusNotFound), http.StatusNotFound)
		return
	}
	slices.Sort(names)
	writeText(w, strings.Join(slices.Compact(names), "\n"))
}

// items are what the service tells of an instance that has nothing out of the ordinary: no public address, no interruption announced.
func (i instance) items() map[string]string {
	t := i.task
	name := t.HostName
	if !strings.Contains(name, ".") {
		name += "." + batch.Domain(t.Scope.Region)
	}
	items := map[string]string{
		"dynamic/instance-identity/document":           "",
		"meta-data/ami-id":                             instanceImage,
		"meta-data/ami-launch-index":                   "0",
		"meta-data/hostname":                           name,
		"meta-data/instance-action":                    "none",
		"meta-data/instance-id":                        string(t.Host),
		"meta-data/instance-type":                      t.HostType,
		"meta-data/local-hostname":                     name,
		"meta-data/local-ipv4":                         i.ipv4.String(),
		"meta-data/placement/availability-zone":        t.Scope.Region + "a",
		"meta-data/placement/availability-zone-id":     zoneID(t.Scope.Region),
		"meta-data/placement/region":                   t.Scope.Region,
		"meta-data/profile":                            "default-hvm",
		"meta-data/services/domain":                    serviceDomain(t.Scope.Partition()),
		"meta-data/services/partition":                 t.Scope.Partition(),
		"meta-data/iam/info":                           "",
		"meta-data/iam/security-credentials/" + i.role: "",
	}
	if t.HostType == "" {
		delete(items, "meta-data/instance-type")
	}
	if i.role == "" {
		delete(items, "meta-data/iam/info")
		delete(items, "meta-data/iam/security-credentials/")
		return items
	}
	info, _ := json.MarshalIndent(map[string]string{ // of strings it cannot fail
		"Code": "Success", "LastUpdated": instant(time.Now()), "InstanceProfileArn": i.profile(), "InstanceProfileId": "AIPA0123456789ABCDEFG",
	}, "", "  ")
	items["meta-data/iam/info"] = string(info)
	return items
}

// profile is the ARN of the instance profile. Guess: its name is the role's, as the console of IAM has it.
func (i instance) profile() string {
	if strings.Contains(i.task.HostRole, ":instance-profile/") {
		return i.task.HostRole
	}
	return "arn:" + i.task.Scope.Partition() + ":iam::" + i.task.Scope.Account + ":instance-profile/" + i.role
}

// roleARN is the ARN of the role.
func (i instance) roleARN() string {
	return RoleARN(i.task.Scope, strings.Replace(i.task.HostRole, ":instance-profile/", ":role/", 1))
}

// identityBody is the instance identity document; what has no meaning here is null, as it is on most instances.
type identityBody struct {
	AccountID               string   `json:"accountId"`
	Architecture            string   `json:"architecture"`
	AvailabilityZone        string   `json:"availabilityZone"`
	BillingProducts         []string `json:"billingProducts"`
	DevpayProductCodes      []string `json:"devpayProductCodes"`
	MarketplaceProductCodes []string `json:"marketplaceProductCodes"`
	ImageID                 string   `json:"imageId"`
	InstanceID              string   `json:"instanceId"`
	InstanceType            string   `json:"instanceType"`
	KernelID                *string  `json:"kernelId"`
	PendingTime             string   `json:"pendingTime"`
	PrivateIP               string   `json:"privateIp"`
	RamdiskID               *string  `json:"ramdiskId"`
	Region                  string   `json:"region"`
	Version                 string   `json:"version"`
}

func (i instance) identity() identityBody {
	t := i.task
	return identityBody{
		AccountID: t.Scope.Account, Architecture: architecture(), AvailabilityZone: t.Scope.Region + "a", ImageID: instanceImage, InstanceID: string(t.Host),
		InstanceType: t.HostType, PendingTime: instant(time.UnixMilli(t.HostLaunchedAt)), PrivateIP: i.ipv4.String(), Region: t.Scope.Region, Version: "2017-09-30",
	}
}

func architecture() string {
	if runtime.GOARCH == "amd64" {
		return "x86_64"
	}
	return runtime.GOARCH
}

func serviceDomain(partition string) string {
	if partition == "aws-cn" {
		return "amazonaws.com.cn"
	}
	return "amazonaws.com"
}

func instant(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// instanceCredentialsBody is the answer with the credentials of the instance role.
type instanceCredentialsBody struct {
	Code            string
	LastUpdated     string
	Type            string
	AccessKeyID     string `json:"AccessKeyId"`
	SecretAccessKey string
	Token           string
	Expiration      string
}

// held answers the lease of an instance role. Instances of the same role share one; there are as many as roles.
func (s *Server) held(i instance) *lease {
	scope, role, host := i.task.Scope, i.roleARN(), string(i.task.Host)
	s.mu.Lock()
	defer s.mu.Unlock()
	key := heldKey{scope, role}
	l := s.heldLeases[key]
	if l == nil {
		l = newLease(s.newLimiter(), func(ctx context.Context) (Credentials, error) { return s.roles.Credentials(ctx, scope, role, host) }, s.log.With("role", role))
		s.heldLeases[key] = l
	}
	return l
}

type heldKey struct {
	scope batch.Scope
	role  string
}

func (s *Server) serveInstanceCredentials(w http.ResponseWriter, i instance) {
	c, ok, _ := s.held(i).get()
	if !ok {
		writeJSON(w, http.StatusOK, map[string]string{"Code": "AssumeRoleUnauthorizedAccess", "Message": "EC2 cannot assume the role " + i.role + ".", "LastUpdated": instant(time.Now())})
		return
	}
	writeJSON(w, http.StatusOK, instanceCredentialsBody{"Success", instant(time.Now()), "AWS-HMAC", c.AccessKeyID, c.SecretAccessKey, c.Token, instant(c.Expiration)})
}

func writeText(w http.ResponseWriter, text string) {
	w.Header().Set("Content-Type", "text/plain")
	_, _ = io.WriteString(w, text) // whoever went away does not hear it
}
