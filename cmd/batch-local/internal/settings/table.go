package settings

import (
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/batch-local/batch-local/emulator"
)

const (
	prefix     = "BATCH_LOCAL_"
	configName = "config"

	// DefaultListen is the address of a server that was told nothing else; the port spells BATCH on a phone.
	DefaultListen = "127.0.0.1:22824"
)

// A setting is one row of the table.
type setting struct {
	name        string                  // of the flag and of the key in the file
	placeholder string                  // stands for the value in help
	fallback    string                  // default, as text; "" where help says in words what happens
	help        string                  // one short line
	check       func(text string) error // refuses a value; what emulator.Config.Validate refuses needs no check here
	choices     []string                // the only values there are, for completion
	whole       bool                    // a value may hold commas
	// complete makes of a value, before anything else sees it, what it means in our environment; nil changes nothing.
	complete func(text string, lookup func(name string) (value string, ok bool)) (string, error)
	field    func(*Settings) any // where it goes: a pointer of a type that assign knows; lists may be repeated
}

// table holds every setting, in the order of help.
func table() []setting {
	return []setting{
		{
			name: "listen", placeholder: "ADDR:PORT", fallback: DefaultListen, check: address,
			help:  "answer calls here; may be repeated; port 0 takes a free one",
			field: func(s *Settings) any { return &s.Emulator.Listen },
		},
		choice(setting{
			name: "driver", fallback: "docker",
			help:  "what runs jobs: docker, or simulated, which needs no engine",
			field: func(s *Settings) any { return &s.Emulator.Driver },
		}, "docker", "simulated"),
		{
			name: "data-dir", placeholder: "DIR", check: path,
			help:  "keep all state here (default: in memory only)",
			field: func(s *Settings) any { return &s.Emulator.DataDir },
		},
		{
			name: "account", placeholder: "ID", fallback: "000000000000", check: anything,
			help:  "account of calls whose access key is not an account",
			field: func(s *Settings) any { return &s.Emulator.Account },
		},
		{
			name: "region", placeholder: "NAME", fallback: "us-east-1", check: anything,
			help:  "region of calls whose signature names none",
			field: func(s *Settings) any { return &s.Emulator.Region },
		},
		choice(setting{
			name: "pull", fallback: "missing",
			help:  "pull images when missing, always or never",
			field: func(s *Settings) any { return &s.Emulator.Pull },
		}, "missing", "always", "never"),
		{
			name: "job-network", placeholder: "NAME", fallback: "batch-local", check: network,
			help:  "network of jobs; host is the host's own",
			field: func(s *Settings) any { return &s.Emulator.JobNetwork },
		},
		choice(setting{
			name: "keep-containers", fallback: "never",
			help:  "keep containers of ended jobs: never, failed or always",
			field: func(s *Settings) any { return &s.Emulator.KeepContainers },
		}, "never", "failed", "always"),
		choice(setting{
			name:  "on-exit",
			help:  "stop or keep what still runs at the end (default: stop; keep with --data-dir)",
			field: func(s *Settings) any { return &s.Emulator.OnExit },
		}, "stop", "keep"),
		{
			name: "job-retention", placeholder: "D", fallback: "168h", check: positive,
			help:  "show ended jobs for so long",
			field: func(s *Settings) any { return &s.Emulator.JobRetention },
		},
		{
			name: "lifelike", fallback: "false", check: truth,
			help:  "let changes of state take as long as on AWS (default: no)",
			field: func(s *Settings) any { return &s.Emulator.Lifelike },
		},
		{
			name: "quotas", fallback: "false", check: truth,
			help:  "refuse more resources than AWS's quotas allow (default: no)",
			field: func(s *Settings) any { return &s.Emulator.Quotas },
		},
		{
			name: "pod-logs", fallback: "false", check: truth,
			help:  "keep what pods print, in the log group /aws/batch/eks (default: no, as AWS)",
			field: func(s *Settings) any { return &s.Emulator.PodLogs },
		},
		{
			name: "memory-budget", placeholder: "MiB", check: size,
			help:  "memory of all jobs that run at once (default: the engine's less a reserve)",
			field: func(s *Settings) any { return &s.Emulator.MemoryBudget },
		},
		{
			name: "cpu-overcommit", placeholder: "F", fallback: "4", check: factor,
			help:  "vCPUs of all jobs that run at once, for each processor",
			field: func(s *Settings) any { return &s.Emulator.CPUOvercommit },
		},
		{
			name: "seed", placeholder: "FILE", check: path,
			help:  "YAML file of resources to create if they are missing (default: none)",
			field: func(s *Settings) any { return &s.Emulator.Seed },
		},
		{
			name: "allow-privileged", fallback: "false", check: truth,
			help:  "let jobs have privileged containers, devices and host namespaces (default: no)",
			field: func(s *Settings) any { return &s.Emulator.AllowPrivileged },
		},
		{
			name: "image-map", placeholder: "FROM=TO", check: mapping("FROM=TO"),
			help:  "use image TO... for FROM..., where * stands for anything but /; may be repeated (default: names as they are)",
			field: func(s *Settings) any { return &s.Emulator.ImageMap },
		},
		{
			name: "job-env", placeholder: "K=V", check: anything, whole: true, complete: fromEnvironment,
			help:  "set K in every job; K alone takes our own value; localhost in AWS_ENDPOINT_URL* becomes this machine, or us; may be repeated (default: none)",
			field: func(s *Settings) any { return &s.Emulator.JobEnv },
		},
		{
			name: "secrets", placeholder: "FILE", check: path,
			help:  "YAML file of names or ARNs of secrets and parameters, and their values (default: none)",
			field: func(s *Settings) any { return &s.Emulator.Secrets },
		},
		{
			name: "secrets-endpoint", placeholder: "URL", check: anything,
			help:  "Secrets Manager and SSM beside us, for what the file lacks (default: none)",
			field: func(s *Settings) any { return &s.Emulator.SecretsEndpoint },
		},
		{
			name: "sts-endpoint", placeholder: "URL", check: anything,
			help:  "STS beside us, which gives jobs the credentials of their roles (default: made up ones)",
			field: func(s *Settings) any { return &s.Emulator.STSEndpoint },
		},
		{
			name: "map-host-path", placeholder: "A=B", check: mapping("A=B"),
			help:  "jobs that mount path A of their instance get folder B; may be repeated (default: a disk of its own)",
			field: func(s *Settings) any { return &s.Emulator.HostPaths },
		},
		{
			name: "map-efs", placeholder: "fs-1=B", check: mapping("fs-1=B"),
			help:  "jobs that mount this file system get folder B; may be repeated (default: a disk of its own)",
			field: func(s *Settings) any { return &s.Emulator.FileSystems },
		},
		{
			name: "allow-host", placeholder: "NAME", check: host,
			help:  "answer calls to this host name too; may be repeated (default: only names of this machine)",
			field: func(s *Settings) any { return &s.Emulator.AllowHosts },
		},
		{
			name: "ready-file", placeholder: "PATH", check: path,
			help:  "write the base URL here once calls are answered (default: none)",
			field: func(s *Settings) any { return &s.Emulator.ReadyFile },
		},
		choice(setting{
			name: "log-level", fallback: "info",
			help:  "least level of our own log: debug, info, warn or error",
			field: func(s *Settings) any { return &s.LogLevel },
		}, "debug", "info", "warn", "error"),
		choice(setting{
			name:  "log-format",
			help:  "text or json, on standard error (default: text on a terminal, else json)",
			field: func(s *Settings) any { return &s.LogFormat },
		}, "text", "json"),
		{
			name: configName, placeholder: "FILE", check: path,
			help:  "YAML file of settings: names of flags without dashes (default: none)",
			field: func(s *Settings) any { return &s.Config },
		},
	}
}

// choice completes a row whose values are a few words.
func choice(row setting, words ...string) setting {
	row.placeholder = strings.Join(words, "|")
	row.choices = words
	row.check = oneOf(words, row.fallback == "")
	return row
}

// variable is the row's environment variable.
func (s setting) variable() string {
	return prefix + strings.ToUpper(strings.ReplaceAll(s.name, "-", "_"))
}

// list takes apart what one flag or variable says. Values that may hold commas stand alone in a flag; a variable of several has lines.
func (s setting) list(text string, flag bool) []string {
	switch {
	case !s.whole:
		return split(text, ",")
	case flag:
		return []string{text}
	case strings.Contains(text, "\n"):
		return split(strings.TrimSpace(text), "\n")
	}
	return split(text, ",")
}

// repeatable says that the setting is a list.
func (s setting) repeatable() bool {
	switch s.field(new(Settings)).(type) {
	case *[]string, *[]emulator.Mapping:
		return true
	}
	return false
}

// boolean says that the flag may stand without a value.
func (s setting) boolean() bool {
	_, truth := s.field(new(Settings)).(*bool)
	return truth
}

// assign sets the field to values that were checked.
func (s setting) assign(field any, texts []string) {
	switch field := field.(type) {
	case *[]string: // an empty one takes back what was said elsewhere
		*field = slices.DeleteFunc(texts, func(text string) bool { return text == "" })
	case *[]emulator.Mapping:
		*field = nil
		for _, text := range texts {
			if from, to, ok := strings.Cut(text, "="); ok {
				*field = append(*field, emulator.Mapping{From: from, To: to})
			}
		}
	case *time.Duration:
		*field, _ = time.ParseDuration(texts[0]) // was checked
	case *string:
		*field = texts[0]
	case *int64:
		*field, _ = strconv.ParseInt(texts[0], 10, 64)
	case *float64:
		*field, _ = strconv.ParseFloat(texts[0], 64)
	case *bool:
		*field, _ = strconv.ParseBool(texts[0])
	case *slog.Level:
		_ = field.UnmarshalText([]byte(texts[0]))
	}
}
