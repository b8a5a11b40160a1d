package docker

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// registryAuth is the X-Registry-Auth of an image's registry, from the docker command's settings: a helper for the registry,
// the store for all, or what `docker login` wrote (runtime.md 2.7). Empty is anonymous.
func registryAuth(ctx context.Context, image string) string {
	var config dockerConfig
	if !readJSON(filepath.Join(configFolder(), "config.json"), &config) {
		return ""
	}
	registry := registryOf(image)
	auth := map[string]string{"serveraddress": registry}
	helper := config.CredHelpers[registry]
	if helper == "" {
		helper = config.CredsStore
	}
	if helper != "" && askHelper(ctx, helper, registry, auth) {
		return encodeAuth(auth)
	}
	text, _ := config.entry(registry)
	return text
}

// dockerConfig is the docker command's file of settings.
type dockerConfig struct {
	Auths       map[string]struct{ Auth, IdentityToken, Username, Password string }
	CredsStore  string
	CredHelpers map[string]string
}

// entry is what was written down for a registry.
func (c *dockerConfig) entry(registry string) (string, bool) {
	entry, ok := c.Auths[registry]
	if !ok {
		return "", false
	}
	auth := map[string]string{"serveraddress": registry}
	if entry.Username != "" {
		auth["username"], auth["password"] = entry.Username, entry.Password
	}
	if plain, err := base64.StdEncoding.DecodeString(entry.Auth); err == nil && len(plain) > 0 {
		auth["username"], auth["password"], _ = strings.Cut(strings.TrimRight(string(plain), "\x00"), ":")
	}
	if entry.IdentityToken != "" {
		auth["identitytoken"] = entry.IdentityToken
	}
	return encodeAuth(auth), true
}

// authIn is what such a file, as a secret of Kubernetes, has for an image.
func authIn(file []byte, image string) (string, bool) {
	var config dockerConfig
	if json.Unmarshal(file, &config) != nil {
		return "", false
	}
	return config.entry(registryOf(image))
}

// hub is Docker Hub's name in the settings.
const hub = "https://index.docker.io/v1/"

// registryOf is the key of an image's registry in the settings.
func registryOf(image string) string {
	first, _, more := strings.Cut(image, "/")
	if !more || !strings.ContainsAny(first, ".:") && first != "localhost" || first == "docker.io" {
		return hub
	}
	return first
}

const helperTime = 30 * time.Second

// askHelper runs docker-credential-NAME get.
func askHelper(ctx context.Context, name, registry string, auth map[string]string) bool {
	ctx, cancel := context.WithTimeout(ctx, helperTime)
	defer cancel()
	command := exec.CommandContext(ctx, "docker-credential-"+name, "get")
	command.Stdin = strings.NewReader(registry)
	var out bytes.Buffer
	command.Stdout = &out
	if command.Run() != nil {
		return false
	}
	var answer struct{ Username, Secret string }
	if json.Unmarshal(out.Bytes(), &answer) != nil {
		return false
	}
	if answer.Username == "<token>" {
		auth["identitytoken"] = answer.Secret
		return true
	}
	auth["username"], auth["password"] = answer.Username, answer.Secret
	return true
}

func encodeAuth(auth map[string]string) string {
	data, err := json.Marshal(auth)
	if err != nil {
		return ""
	}
	return base64.URLEncoding.EncodeToString(data)
}
