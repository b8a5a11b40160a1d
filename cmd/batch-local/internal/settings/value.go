package settings

import (
	"errors"
	"net"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

func anything(string) error { return nil }

// path refuses what only a shell understands, and only at the beginning of a word: a folder called ~ is a nuisance.
func path(text string) error {
	if text == "~" || strings.HasPrefix(text, "~/") {
		return errors.New("~ is not known here; write the whole path")
	}
	return nil
}

func oneOf(words []string, orNone bool) func(string) error {
	return func(text string) error {
		if slices.Contains(words, text) || text == "" && orNone {
			return nil
		}
		return errors.New("it must be " + strings.Join(words[:len(words)-1], ", ") + " or " + words[len(words)-1])
	}
}

func positive(text string) error {
	if d, err := time.ParseDuration(text); err != nil || d <= 0 {
		return errors.New("it must be a duration such as 24h")
	}
	return nil
}

func truth(text string) error {
	if _, err := strconv.ParseBool(text); err != nil {
		return errors.New("it must be true or false")
	}
	return nil
}

func address(text string) error {
	host, port, err := net.SplitHostPort(text)
	if err != nil {
		return errors.New("it must be an address and a port, such as " + DefaultListen)
	}
	if n, err := strconv.Atoi(port); err != nil || n < 0 || n > 65535 {
		return errors.New("the port must be a number from 0 to 65535")
	}
	if host != "" && net.ParseIP(host) == nil && !hostName(host) {
		return errors.New("the address must be an IP address or a host name")
	}
	return nil
}

func host(text string) error {
	if !hostName(text) {
		return errors.New("it must be a host name alone, without scheme or port")
	}
	return nil
}

func hostName(text string) bool {
	return regexp.MustCompile(`^[A-Za-z0-9_]([A-Za-z0-9_.-]{0,251}[A-Za-z0-9_])?$`).MatchString(text)
}

func network(text string) error {
	if !regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_.-]*$`).MatchString(text) {
		return errors.New("it must be the name of a network")
	}
	return nil
}

func size(text string) error {
	if n, err := strconv.ParseInt(text, 10, 64); text != "" && (err != nil || n <= 0) {
		return errors.New("it must be a number of MiB above 0")
	}
	return nil
}

func factor(text string) error {
	if f, err := strconv.ParseFloat(text, 64); err != nil || f <= 0 || f > 1e6 {
		return errors.New("it must be a number above 0")
	}
	return nil
}

// mapping refuses what is not of a form, said as help says it.
func mapping(form string) func(string) error {
	return func(text string) error {
		if from, _, ok := strings.Cut(text, "="); text != "" && (!ok || from == "") {
			return errors.New("it must be of the form " + form)
		}
		return nil
	}
}

// fromEnvironment gives a variable that is named alone the value that we have of it.
func fromEnvironment(text string, lookup func(name string) (string, bool)) (string, error) {
	if text == "" || strings.Contains(text, "=") {
		return text, nil
	}
	value, ok := lookup(text)
	if !ok {
		return "", errors.New("there is no variable of this name here whose value could be handed on")
	}
	return text + "=" + value, nil
}
