package httpapi

import (
	"encoding/json"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
)

// A Guard refuses, with 403, requests that a page of somebody else's made a browser send: of another origin, or under a name
// that is not ours (DNS rebinding). It holds for everything on the port (interface.md 3), and there are no CORS headers.
type Guard struct {
	// Hosts are further names of this machine that callers may use, without ports.
	Hosts []string
	// Listen are the addresses we listen on; their hosts are names too.
	Listen []string
}

// Wrap puts the guard in front of a handler.
func (g Guard) Wrap(next http.Handler) http.Handler {
	names := map[string]bool{"localhost": true, "host.docker.internal": true}
	for _, name := range g.Hosts {
		names[canonical(name)] = true
	}
	for _, address := range g.Listen {
		host, _, err := net.SplitHostPort(address)
		if err != nil {
			continue
		}
		if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
			// Only where we listen on all addresses: to 0.0.0.0 browsers send no Sec-Fetch-Site, which they do to the loopback.
			names["0.0.0.0"], names["::"] = true, true
		} else {
			names[canonical(host)] = true
		}
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if refusal := check(r, names); refusal != "" {
			refuse(w, refusal)
			return
		}
		next.ServeHTTP(w, r)
	})
}

func check(r *http.Request, names map[string]bool) string {
	host := hostOf(r.Host)
	if host == "" {
		return "The request does not say which host it is for."
	}
	if !ours(host, names) {
		return "The host " + host + " is not one of this machine's names. --allow-host " + host + " makes it one."
	}
	if strings.EqualFold(r.Header.Get("Sec-Fetch-Site"), "cross-site") {
		return "Requests of other sites are refused."
	}
	for _, origin := range r.Header.Values("Origin") {
		if !sameOrigin(origin, r) {
			return "Requests of other origins are refused."
		}
	}
	return ""
}

// hostOf is the name in a Host header, without port, brackets and the dot of a whole name.
func hostOf(header string) string {
	host := header
	if h, _, err := net.SplitHostPort(header); err == nil {
		host = h
	}
	return canonical(host)
}

func canonical(host string) string {
	host = strings.TrimSuffix(strings.ToLower(host), ".")
	return strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
}

func ours(host string, names map[string]bool) bool {
	if names[host] || strings.HasSuffix(host, ".localhost") {
		return true
	}
	for _, prefix := range []string{"stream-", "streaming-"} { // what SDKs put before the host of a live tail
		if name, ok := strings.CutPrefix(host, prefix); ok && (names[name] || strings.HasSuffix(name, ".localhost") || loopback(name)) {
			return true
		}
	}
	return loopback(host)
}

func loopback(host string) bool {
	address, err := netip.ParseAddr(host)
	return err == nil && address.Unmap().IsLoopback()
}

// sameOrigin says whether a page of ours asks. "null" is anybody.
func sameOrigin(origin string, r *http.Request) bool {
	o, err := url.Parse(origin)
	if err != nil || o.Host == "" {
		return false
	}
	scheme := "http"
	if r.TLS != nil {
		scheme = "https"
	}
	return o.Scheme == scheme && strings.EqualFold(o.Host, r.Host)
}

func refuse(w http.ResponseWriter, message string) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("X-Amzn-Errortype", "AccessDeniedException")
	w.WriteHeader(http.StatusForbidden)
	_ = json.NewEncoder(w).Encode(map[string]string{"message": message})
}
