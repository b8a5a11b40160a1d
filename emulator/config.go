package emulator

import (
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/batch-local/batch-local/emulator/secrets"
)

// Config says what an emulator is like. The zero value is one with Docker, in memory, on a free port of the loopback.
type Config struct {
	// Listen are addresses for Serve, "127.0.0.1:22824"; port 0 takes a free one.
	Listen []string
	// ReadyFile is written with the first base URL, as this machine calls it, when calls are answered, and removed at the end.
	ReadyFile string
	// Driver is what runs jobs: "docker" (default) or "simulated".
	Driver string
	// Account (twelve digits, default 000000000000) and Region (default us-east-1) are used where a signature does not say.
	Account, Region string
	// DataDir keeps everything over restarts; empty is memory only.
	DataDir string
	// KeepContainers after the end of their job: "never" (default), "failed" or "always".
	KeepContainers string
	// OnExit is what becomes of running containers at the end: "stop" (default without DataDir) or "keep" (default with it).
	OnExit string
	// JobRetention is how long ended jobs are shown, in the emulator's time (default 168 h, as AWS).
	JobRetention time.Duration
	// Lifelike has changes of state take about as long as on AWS, in the emulator's time; Quotas keeps the service's quotas on how many resources
	// there may be.
	Lifelike, Quotas bool
	// PodLogs keeps what pods print, in the log group /aws/batch/eks and the stream <name of the pod>/<name of the container>. AWS keeps nothing.
	PodLogs bool
	// MemoryBudget (MiB; default the machine's memory less a reserve) and CPUOvercommit (default 4, times the machine's processors) bound what runs
	// at the same time. The simulated driver has no bounds.
	MemoryBudget  int64
	CPUOvercommit float64
	// Seed is a YAML file of resources to create if they are missing.
	Seed string
	// Pull is the image policy: "missing" (default), "always" or "never".
	Pull string
	// JobNetwork is the network that jobs are on (default batch-local), or "host". "none" and that of a container are refused.
	JobNetwork string
	// HostPaths and FileSystems map paths of the simulated instances, and ids of EFS file systems, to folders of the engine's machine. What is not
	// mapped is in Docker volumes, which go at the end unless OnExit is "keep".
	HostPaths, FileSystems []Mapping
	// ImageMap replaces beginnings of image names, for example "123456789012.dkr.ecr.*" by "localhost:5000"; a star stands for any characters but "/".
	ImageMap []Mapping
	// JobEnv are variables for every job, "NAME=VALUE". A job's own of the same name counts.
	JobEnv []string
	// Secrets is a YAML file of names or ARNs of secrets and parameters, and their values. SecretsEndpoint is the URL of a Secrets Manager and SSM
	// beside us, which is asked for what the file lacks; STSEndpoint that of an STS which gives the credentials of roles (default: static ones).
	Secrets, SecretsEndpoint, STSEndpoint string
	// AllowPrivileged lets job definitions have privileged containers, devices and host namespaces.
	AllowPrivileged bool
	// AllowHosts are further names that callers may use for this machine.
	AllowHosts []string
	// Version is shown to callers.
	Version string
	// Log takes our own log; nil discards it.
	Log *slog.Logger
}

// defaultRetention is how long AWS shows ended jobs at least (jobs.md 2.10).
const defaultRetention = 7 * 24 * time.Hour

// A ConfigError is a field with a bad value.
type ConfigError struct {
	Field   string // as in Config
	Value   string
	Problem string
}

func (e *ConfigError) Error() string { return fmt.Sprintf("%s %q: %s", e.Field, e.Value, e.Problem) }

var (
	accountPattern = regexp.MustCompile(`^[0-9]{12}$`)
	regionPattern  = regexp.MustCompile(`^[a-z]{2}(-[a-z]+)+-[0-9]+$`)
)

// Validate answers nil or a *ConfigError for the first field that is wrong. Empty fields are right.
func (c Config) Validate() error {
	for _, field := range []struct {
		name, value string
		values      []string
	}{
		{"Driver", c.Driver, []string{"docker", "simulated"}},
		{"KeepContainers", c.KeepContainers, []string{"never", "failed", "always"}},
		{"OnExit", c.OnExit, []string{"stop", "keep"}},
		{"Pull", c.Pull, []string{"missing", "always", "never"}},
	} {
		if field.value != "" && !slices.Contains(field.values, field.value) {
			return &ConfigError{field.name, field.value, fmt.Sprintf("must be one of %v", field.values)}
		}
	}
	if c.JobRetention < 0 {
		return &ConfigError{"JobRetention", c.JobRetention.String(), "must not be negative"}
	}
	if c.MemoryBudget < 0 {
		return &ConfigError{"MemoryBudget", fmt.Sprint(c.MemoryBudget), "must not be negative"}
	}
	if c.CPUOvercommit < 0 {
		return &ConfigError{"CPUOvercommit", fmt.Sprint(c.CPUOvercommit), "must not be negative"}
	}
	if c.Account != "" && !accountPattern.MatchString(c.Account) {
		return &ConfigError{"Account", c.Account, "must be twelve digits"}
	}
	if c.Region != "" && !regionPattern.MatchString(c.Region) {
		return &ConfigError{"Region", c.Region, "must be the name of an AWS region, such as us-east-1"}
	}
	for _, field := range []struct{ name, value string }{{"SecretsEndpoint", c.SecretsEndpoint}, {"STSEndpoint", c.STSEndpoint}} {
		if u, err := url.Parse(field.value); field.value != "" && (err != nil || u.Hostname() == "" || u.Scheme != "http" && u.Scheme != "https") {
			return &ConfigError{field.name, field.value, "must be a URL such as http://127.0.0.1:4566"}
		}
	}
	if c.JobNetwork == "none" || strings.HasPrefix(c.JobNetwork, "container:") {
		return &ConfigError{"JobNetwork", c.JobNetwork, "must be the name of a network on which jobs can be, or host"}
	}
	if err := c.checkJobEnv(); err != nil {
		return err
	}
	if err := c.checkMappings(); err != nil {
		return err
	}
	return c.checkSecrets()
}

// checkSecrets reads the file: what is wrong with it is better known now than when the first job wants a secret.
func (c Config) checkSecrets() error {
	if c.Secrets == "" {
		return nil
	}
	if is, err := os.Stat(c.Secrets); err == nil && is.IsDir() {
		return &ConfigError{"Secrets", c.Secrets, "must be a file, not a folder"}
	}
	_, err := secrets.New(secrets.Options{File: c.Secrets})
	var bad *secrets.FileError
	if errors.As(err, &bad) {
		return &ConfigError{"Secrets", c.Secrets, "cannot be read: " + bad.Err.Error()}
	}
	return err
}

// withDefaults fills in what is empty.
func (c Config) withDefaults() Config {
	set := func(field *string, value string) {
		if *field == "" {
			*field = value
		}
	}
	set(&c.Driver, "docker")
	set(&c.Account, "000000000000")
	set(&c.Region, "us-east-1")
	set(&c.KeepContainers, "never")
	set(&c.Pull, "missing")
	set(&c.JobNetwork, "batch-local")
	set(&c.Version, "devel")
	if c.CPUOvercommit == 0 {
		c.CPUOvercommit = 4
	}
	if c.JobRetention == 0 {
		c.JobRetention = defaultRetention
	}
	if c.DataDir == "" {
		set(&c.OnExit, "stop")
	} else {
		set(&c.OnExit, "keep")
	}
	if len(c.Listen) == 0 {
		c.Listen = []string{"127.0.0.1:0"}
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return c
}
