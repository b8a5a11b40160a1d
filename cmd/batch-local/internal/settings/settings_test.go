package settings

import (
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/spf13/pflag"

	"github.com/batch-local/batch-local/emulator"
)

// load resolves settings from words of a command line, variables, and the text of a file ("" for none).
func load(t *testing.T, words, environ []string, text string) (Settings, string, error) {
	t.Helper()
	set := pflag.NewFlagSet("serve", pflag.ContinueOnError)
	flags := AddFlags(set)
	path := filepath.Join(t.TempDir(), "config.yaml")
	if text != "" {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		words = append(words, "--config", path)
	}
	if err := set.Parse(words); err != nil {
		t.Fatal(err)
	}
	s, err := Load(flags, environ)
	return s, path, err
}

func defaults() Settings {
	return Settings{
		Emulator: emulator.Config{
			Listen: []string{"127.0.0.1:22824"}, Driver: "docker", Account: "000000000000", Region: "us-east-1",
			KeepContainers: "never", CPUOvercommit: 4, Pull: "missing", JobNetwork: "batch-local", JobRetention: 168 * time.Hour,
		},
		LogLevel: slog.LevelInfo,
	}
}

func TestLoad(t *testing.T) {
	tests := []struct {
		name    string
		words   []string
		environ []string
		file    string
		want    func(*Settings)
	}{
		{name: "nothing said", want: func(*Settings) {}},
		{
			name:    "a flag wins over a variable, a variable over the file",
			words:   []string{"--account", "111111111111"},
			environ: []string{"BATCH_LOCAL_ACCOUNT=222222222222", "BATCH_LOCAL_REGION=eu-west-1"},
			file:    "account: 333333333333\nregion: eu-west-3\npull: never\n",
			want: func(s *Settings) {
				s.Emulator.Account, s.Emulator.Region, s.Emulator.Pull = "111111111111", "eu-west-1", "never"
			},
		},
		{
			name: "a number in the file keeps its zeros",
			file: "account: 000000000001",
			want: func(s *Settings) { s.Emulator.Account = "000000000001" },
		},
		{
			name:  "a repeated flag",
			words: []string{"--listen", "127.0.0.1:1", "--listen=[::1]:2", "--allow-host", "batch-local"},
			want: func(s *Settings) {
				s.Emulator.Listen, s.Emulator.AllowHosts = []string{"127.0.0.1:1", "[::1]:2"}, []string{"batch-local"}
			},
		},
		{
			name:    "a list in a variable",
			environ: []string{"BATCH_LOCAL_LISTEN=0.0.0.0:22824, 0.0.0.0:4566"},
			want:    func(s *Settings) { s.Emulator.Listen = []string{"0.0.0.0:22824", "0.0.0.0:4566"} },
		},
		{
			name: "lists in the file, one of them of one value",
			file: "listen:\n  - 127.0.0.1:1\n  - localhost:2\nallow-host: batch-local\n",
			want: func(s *Settings) {
				s.Emulator.Listen, s.Emulator.AllowHosts = []string{"127.0.0.1:1", "localhost:2"}, []string{"batch-local"}
			},
		},
		{
			name:  "a flag that stands alone",
			words: []string{"--allow-privileged"},
			want:  func(s *Settings) { s.Emulator.AllowPrivileged = true },
		},
		{
			name:    "one that stands alone, in a variable",
			environ: []string{"BATCH_LOCAL_POD_LOGS=1"},
			want:    func(s *Settings) { s.Emulator.PodLogs = true },
		},
		{
			name:    "and one that takes the variable back",
			words:   []string{"--allow-privileged=false"},
			environ: []string{"BATCH_LOCAL_ALLOW_PRIVILEGED=true"},
			want:    func(*Settings) {},
		},
		{
			name:    "an empty variable says nothing",
			environ: []string{"BATCH_LOCAL_DRIVER=", "BATCH_LOCAL_LISTEN="},
			want:    func(*Settings) {},
		},
		{
			name:    "an empty flag takes the variable back",
			words:   []string{"--data-dir", ""},
			environ: []string{"BATCH_LOCAL_DATA_DIR=/data"},
			want:    func(*Settings) {},
		},
		{
			name:    "variables that are nobody's settings",
			environ: []string{"BATCH_LOCAL=/bin/batch-local", "BATCH_LOCAL_OUTCOME={}", "BATCH_LOCAL_TEST_ENGINE=1", "BATCH_LOCALE=de"},
			want:    func(*Settings) {},
		},
		{
			name:  "everything else",
			words: []string{"--log-level", "debug", "--log-format", "json", "--on-exit", "keep", "--ready-file", "r", "--keep-containers", "failed", "--job-network", "host", "--driver", "simulated"},
			want: func(s *Settings) {
				s.LogLevel, s.LogFormat = slog.LevelDebug, "json"
				s.Emulator.OnExit, s.Emulator.ReadyFile, s.Emulator.KeepContainers = "keep", "r", "failed"
				s.Emulator.JobNetwork, s.Emulator.Driver = "host", "simulated"
			},
		},
		{
			name:  "mappings",
			words: []string{"--map-host-path", "/data=/home/me", "--map-host-path", "/b=/c", "--map-efs", "fs-1=/d"},
			want: func(s *Settings) {
				s.Emulator.HostPaths = []emulator.Mapping{{From: "/data", To: "/home/me"}, {From: "/b", To: "/c"}}
				s.Emulator.FileSystems = []emulator.Mapping{{From: "fs-1", To: "/d"}}
			},
		},
		{
			name:  "names of images",
			words: []string{"--image-map", "123456789012.dkr.ecr.*=localhost:5000", "--image-map", "registry.test/="},
			want: func(s *Settings) {
				s.Emulator.ImageMap = []emulator.Mapping{{From: "123456789012.dkr.ecr.*", To: "localhost:5000"}, {From: "registry.test/"}}
			},
		},
		{
			name:    "variables of jobs, their values whole, and one that is handed on",
			words:   []string{"--job-env", "A=b,c=d", "--job-env", "TOKEN", "--job-env=EMPTY="},
			environ: []string{"TOKEN=a=b, c"},
			want:    func(s *Settings) { s.Emulator.JobEnv = []string{"A=b,c=d", "TOKEN=a=b, c", "EMPTY="} },
		},
		{
			name:    "variables of jobs in a variable",
			environ: []string{"BATCH_LOCAL_JOB_ENV=A=1,TOKEN", "TOKEN=x"},
			want:    func(s *Settings) { s.Emulator.JobEnv = []string{"A=1", "TOKEN=x"} },
		},
		{
			name:    "variables of jobs in the lines of a variable",
			environ: []string{"BATCH_LOCAL_JOB_ENV=A=1,2\nTOKEN\n", "TOKEN=x"},
			want:    func(s *Settings) { s.Emulator.JobEnv = []string{"A=1,2", "TOKEN=x"} },
		},
		{
			name:  "variables of jobs in the file, and none after all",
			words: []string{"--job-env", ""},
			file:  "job-env: [A=1]\n",
			want:  func(s *Settings) { s.Emulator.JobEnv = []string{} },
		},
		{
			name:  "services beside us",
			words: []string{"--secrets-endpoint", "http://localhost:4566", "--sts-endpoint", "https://sts.test/"},
			want: func(s *Settings) {
				s.Emulator.SecretsEndpoint, s.Emulator.STSEndpoint = "http://localhost:4566", "https://sts.test/"
			},
		},
		{name: "a file of comments", file: "# driver: podman\n", want: func(*Settings) {}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, path, err := load(t, test.words, test.environ, test.file)
			if err != nil {
				t.Fatal(err)
			}
			want := defaults()
			test.want(&want)
			if test.file != "" {
				want.Config = path
			}
			if diff := cmp.Diff(want, got, cmpopts.IgnoreUnexported(Settings{})); diff != "" {
				t.Errorf("settings (-want +got):\n%s", diff)
			}
		})
	}
}

func TestRefusals(t *testing.T) {
	tests := []struct {
		name    string
		words   []string
		environ []string
		file    string
		want    []string // the lines; FILE stands for the path of the file
	}{
		{name: "flag", words: []string{"--driver", "podman"}, want: []string{"--driver podman: it must be docker or simulated"}},
		{name: "variable", environ: []string{"BATCH_LOCAL_DRIVER=podman"}, want: []string{"BATCH_LOCAL_DRIVER=podman: it must be docker or simulated"}},
		{name: "file", file: "# ours\ndriver: podman\n", want: []string{"FILE:2: driver: podman: it must be docker or simulated"}},
		{name: "a value with a space", words: []string{"--job-network", "my net"}, want: []string{`--job-network "my net": it must be the name of a network`}},
		{name: "no port", words: []string{"--listen", "nowhere"}, want: []string{"--listen nowhere: it must be an address and a port, such as 127.0.0.1:22824"}},
		{name: "no such port", words: []string{"--listen", "127.0.0.1:99999"}, want: []string{"--listen 127.0.0.1:99999: the port must be a number from 0 to 65535"}},
		{name: "negative port", words: []string{"--listen", "127.0.0.1:-1"}, want: []string{"--listen 127.0.0.1:-1: the port must be a number from 0 to 65535"}},
		{name: "a mapping of nothing", words: []string{"--map-host-path", "/data"}, want: []string{"--map-host-path /data: it must be of the form A=B"}},
		{name: "a mapping of images", words: []string{"--image-map", "foo"}, want: []string{"--image-map foo: it must be of the form FROM=TO"}},
		{name: "a mapping to a part", words: []string{"--map-efs", "fs-1=data"}, want: []string{"--map-efs fs-1=data: it must map to a whole path"}},
		{name: "a mapping to everything", words: []string{"--map-efs", "fs-1=/a/.."}, want: []string{"--map-efs fs-1=/a/..: it must not map to the whole machine"}},
		{name: "a mapping to the machine's own", words: []string{"--map-host-path", "/a=/home/../etc/x"}, want: []string{"--map-host-path /a=/home/../etc/x: it must not map to /etc"}},
		{name: "a mapping of a part of a path", file: "map-host-path: [/b=/home, a=/home]\n", want: []string{"FILE:1: map-host-path: a=/home: it must map a whole path of an instance, such as /data"}},
		{name: "a mapping of what is no file system", environ: []string{"BATCH_LOCAL_MAP_EFS=fs-1=/home,data=/home"}, want: []string{"BATCH_LOCAL_MAP_EFS=data=/home: it must map the id of a file system, such as fs-12345678"}},
		{name: "a mapping to the engine's socket", words: []string{"--map-host-path", "/a=/nowhere/x/../engine.sock"}, environ: []string{"DOCKER_HOST=unix:///nowhere/engine.sock"},
			want: []string{"--map-host-path /a=/nowhere/x/../engine.sock: it must not map to the engine's socket"}},
		{name: "a mapping to the folder of the engine's socket", words: []string{"--map-efs", "fs-1=/nowhere"}, environ: []string{"DOCKER_HOST=unix:///nowhere/engine.sock"},
			want: []string{"--map-efs fs-1=/nowhere: it must not map to the engine's socket"}},
		{name: "a mapping to the data folder", words: []string{"--map-efs", "fs-1=/nowhere"}, environ: []string{"BATCH_LOCAL_DATA_DIR=/nowhere/data"},
			want: []string{"--map-efs fs-1=/nowhere: it must not map to the data folder"}},
		{name: "an image of a registry's address", words: []string{"--image-map", "https://registry.test/=local/"}, want: []string{"--image-map https://registry.test/=local/: it must map names of images, which have no scheme"}},
		{name: "a star that nothing fills", words: []string{"--image-map", "a=b*"}, want: []string{"--image-map a=b*: it must not have a star in what it maps to"}},
		{name: "a variable that nobody has", words: []string{"--job-env", "TOKEN"}, want: []string{"--job-env TOKEN: there is no variable of this name here whose value could be handed on"}},
		{name: "a variable without a name", words: []string{"--job-env", "A=1", "--job-env", "=x"}, want: []string{"--job-env =x: it must be NAME=VALUE"}},
		{name: "no such secrets", words: []string{"--secrets", "/no/such/file"}, want: []string{"--secrets /no/such/file: it cannot be read: no such file or directory"}},
		{name: "a folder of secrets", file: "secrets: /\n", want: []string{"FILE:1: secrets: /: it must be a file, not a folder"}},
		{name: "an endpoint without a scheme", words: []string{"--secrets-endpoint", "localhost:4566"}, want: []string{"--secrets-endpoint localhost:4566: it must be a URL such as http://127.0.0.1:4566"}},
		{name: "an endpoint of another kind", environ: []string{"BATCH_LOCAL_STS_ENDPOINT=ftp://x"}, want: []string{"BATCH_LOCAL_STS_ENDPOINT=ftp://x: it must be a URL such as http://127.0.0.1:4566"}},
		{name: "one of a list", environ: []string{"BATCH_LOCAL_LISTEN=127.0.0.1:1,x"}, want: []string{"BATCH_LOCAL_LISTEN=x: it must be an address and a port, such as 127.0.0.1:22824"}},
		{name: "a host with a port", words: []string{"--allow-host", "http://x"}, want: []string{"--allow-host http://x: it must be a host name alone, without scheme or port"}},
		{name: "a home folder", file: "data-dir: ~/data\n", want: []string{"FILE:1: data-dir: ~/data: ~ is not known here; write the whole path"}},
		{name: "truth", environ: []string{"BATCH_LOCAL_ALLOW_PRIVILEGED=maybe"}, want: []string{"BATCH_LOCAL_ALLOW_PRIVILEGED=maybe: it must be true or false"}},
		{name: "what the emulator refuses, by flag", words: []string{"--account", "123"}, want: []string{"--account 123: it must be twelve digits"}},
		{name: "what the emulator refuses, in the file", file: "region: Mars\n", want: []string{"FILE:1: region: Mars: it must be the name of an AWS region, such as us-east-1"}},
		{name: "a misspelt variable", environ: []string{"BATCH_LOCAL_DRIVR=simulated"}, want: []string{"BATCH_LOCAL_DRIVR=simulated: there is no such setting; did you mean BATCH_LOCAL_DRIVER?"}},
		{name: "a misspelt key", file: "drivr: simulated\n", want: []string{"FILE:1: drivr: there is no such setting; did you mean driver?"}},
		{name: "a key far from all", file: "telemetry: true\n", want: []string{"FILE:1: telemetry: there is no such setting"}},
		{name: "a file in a file", file: "config: other.yaml\n", want: []string{"FILE:1: config: there is no such setting"}},
		{name: "a key twice", file: "driver: docker\ndriver: simulated\n", want: []string{"FILE:2: driver: it is set twice"}},
		{name: "a key without a value", file: "driver:\n", want: []string{"FILE:1: driver: it has no value"}},
		{name: "a list where one value is meant", file: "driver: [docker]\n", want: []string{"FILE:1: driver: it must be one value"}},
		{name: "no mapping", file: "driver\n", want: []string{"FILE:1: it must be lines of the form name: value"}},
		{name: "two documents", file: "driver: docker\n---\npull: never\n", want: []string{"FILE: it must be one YAML document"}},
		{name: "no such file", words: []string{"--config", "/no/such/file"}, want: []string{"--config /no/such/file: no such file or directory"}},
		{name: "no such file, by variable", environ: []string{"BATCH_LOCAL_CONFIG=/no/such/file"}, want: []string{"BATCH_LOCAL_CONFIG=/no/such/file: no such file or directory"}},
		{
			name: "everything at once", words: []string{"--pull", "perhaps"}, environ: []string{"BATCH_LOCAL_ON_EXIT=explode", "BATCH_LOCAL_X=1"}, file: "log-level: loud\n",
			want: []string{
				"BATCH_LOCAL_X=1: there is no such setting",
				"--pull perhaps: it must be missing, always or never",
				"BATCH_LOCAL_ON_EXIT=explode: it must be stop or keep",
				"FILE:1: log-level: loud: it must be debug, info, warn or error",
			},
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, path, err := load(t, test.words, test.environ, test.file)
			if err == nil {
				t.Fatal("it was taken")
			}
			got := strings.Split(strings.ReplaceAll(err.Error(), path, "FILE"), "\n")
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("lines (-want +got):\n%s", diff)
			}
		})
	}
}

// TestOtherCommands: they do not mind a variable that nobody knows, but do not go on with a value that makes no sense.
func TestOtherCommands(t *testing.T) {
	if _, err := Load(nil, []string{"BATCH_LOCAL_DRIVR=simulated"}); err != nil {
		t.Errorf("an unknown variable: %v", err)
	}
	if _, err := Load(nil, []string{"BATCH_LOCAL_LISTEN=x"}); err == nil {
		t.Error("a wrong address was taken")
	}
}

// TestTable holds what every row must have: a default that is itself a good value, and help that says the default.
func TestTable(t *testing.T) {
	for _, row := range table() {
		switch row.field(new(Settings)).(type) {
		case *string, *[]string, *[]emulator.Mapping, *bool, *slog.Level, *time.Duration, *int64, *float64:
		default:
			t.Errorf("%s: assign knows no %T", row.name, row.field(new(Settings)))
		}
		if row.fallback != "" {
			if err := row.check(row.fallback); err != nil {
				t.Errorf("%s: its default is wrong: %v", row.name, err)
			}
		}
		if shown := row.fallback != "" && !row.boolean(); !shown && !strings.Contains(row.help, "(default: ") {
			t.Errorf("%s: help does not say its default", row.name)
		}
	}
}
