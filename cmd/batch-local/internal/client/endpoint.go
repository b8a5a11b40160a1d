package client

import (
	"fmt"
	"net/url"
	"os"
	"strings"
)

// An Endpoint is where the server is.
type Endpoint struct {
	URL    string // without a slash at the end
	Source string // who said so: a flag or a variable; "" is nobody, the default address
}

// Locate finds the server as an SDK would: by the flag --endpoint, else AWS_ENDPOINT_URL_BATCH, else AWS_ENDPOINT_URL, else
// at the address that serve listens on, which fallback answers.
func Locate(flag string, fallback func() (string, error)) (Endpoint, error) {
	if flag != "" {
		return parse(flag, "--endpoint")
	}
	for _, name := range []string{"AWS_ENDPOINT_URL_BATCH", "AWS_ENDPOINT_URL"} {
		if text := os.Getenv(name); text != "" {
			return parse(text, name)
		}
	}
	url, err := fallback()
	return Endpoint{URL: url}, err
}

func parse(text, source string) (Endpoint, error) {
	full := text
	if !strings.Contains(full, "://") {
		full = "http://" + full
	}
	u, err := url.Parse(full)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return Endpoint{}, fmt.Errorf("%s %s: it must be a URL such as http://127.0.0.1:22824", source, text)
	}
	return Endpoint{URL: strings.TrimSuffix(full, "/"), Source: source}, nil
}

// Said is the endpoint and, where somebody chose it, who.
func (e Endpoint) Said() string {
	if e.Source == "" {
		return e.URL
	}
	return e.URL + " (" + e.Source + ")"
}
