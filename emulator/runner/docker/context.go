package docker

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
)

// configFolder is where the docker command keeps its settings.
func configFolder() string {
	if dir := os.Getenv("DOCKER_CONFIG"); dir != "" {
		return dir
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return ""
	}
	return filepath.Join(home, ".docker")
}

// contextHost is the endpoint of the docker command's current context; empty if DOCKER_HOST says it or there is none.
func contextHost() string {
	if os.Getenv("DOCKER_HOST") != "" {
		return ""
	}
	name := os.Getenv("DOCKER_CONTEXT")
	if name == "" {
		var config struct {
			CurrentContext string `json:"currentContext"`
		}
		if !readJSON(filepath.Join(configFolder(), "config.json"), &config) {
			return ""
		}
		name = config.CurrentContext
	}
	if name == "" || name == "default" {
		return ""
	}
	sum := sha256.Sum256([]byte(name))
	var meta struct {
		Endpoints map[string]struct{ Host string }
	}
	if !readJSON(filepath.Join(configFolder(), "contexts", "meta", hex.EncodeToString(sum[:]), "meta.json"), &meta) {
		return ""
	}
	return meta.Endpoints["docker"].Host
}

func readJSON(path string, into any) bool {
	data, err := os.ReadFile(path)
	return err == nil && json.Unmarshal(data, into) == nil
}
