package logs

import (
	"regexp"
	"strings"
)

// compile makes a test of a filter pattern (events-logs-schedules.md 2.5): terms that must all be there, phrases in quotes,
// terms of which one must be there (?a), terms that must not (-a), and regular expressions (%a%).
func compile(pattern *string) (func(string) bool, error) {
	if pattern == nil {
		return func(string) bool { return true }, nil
	}
	text := strings.TrimSpace(*pattern)
	switch {
	case len(*pattern) > maxPattern:
		return nil, invalid("1 validation error detected: Value at 'filterPattern' failed to satisfy constraint: Member must have length less than or equal to %d", maxPattern)
	case strings.HasPrefix(text, "{"), strings.HasPrefix(text, "["):
		return nil, invalid("Filter patterns for JSON and for columns are not available in batch-local yet.")
	}
	terms, err := split(text)
	if err != nil {
		return nil, err
	}
	var all, some, none []func(string) bool
	for _, t := range terms {
		test, err := t.test()
		if err != nil {
			return nil, err
		}
		switch t.sign {
		case '?':
			some = append(some, test)
		case '-':
			none = append(none, test)
		default:
			all = append(all, test)
		}
	}
	if len(all)+len(none) > 0 {
		some = nil // beside plain terms they are ignored
	}
	return func(message string) bool {
		for _, test := range all {
			if !test(message) {
				return false
			}
		}
		for _, test := range none {
			if test(message) {
				return false
			}
		}
		for _, test := range some {
			if test(message) {
				return true
			}
		}
		return len(some) == 0
	}, nil
}

// A term is a word or a phrase, perhaps with a sign before it.
type term struct {
	sign   byte // '?', '-' or 0
	text   string
	quoted bool
}

func (t term) test() (func(string) bool, error) {
	if inner, ok := strings.CutPrefix(t.text, "%"); ok && !t.quoted && strings.HasSuffix(inner, "%") {
		r, err := regexp.Compile(strings.TrimSuffix(inner, "%"))
		if err != nil {
			return nil, invalid("Invalid filter pattern: %v", err)
		}
		return r.MatchString, nil
	}
	return func(message string) bool { return strings.Contains(message, t.text) }, nil
}

// plain says whether a character needs no quotes.
func plain(r rune) bool {
	return r == '_' || r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r > 127
}

// split cuts a pattern into terms.
func split(text string) ([]term, error) {
	var terms []term
	for text = strings.TrimLeft(text, " \t"); text != ""; text = strings.TrimLeft(text, " \t") {
		var t term
		if text[0] == '?' || text[0] == '-' {
			t.sign, text = text[0], text[1:]
		}
		var err error
		switch {
		case strings.HasPrefix(text, `"`):
			t.quoted = true
			t.text, text, err = quoted(text[1:])
		case strings.HasPrefix(text, "%"):
			end := strings.IndexByte(text[1:], '%')
			if end < 0 {
				return nil, invalid("Invalid filter pattern: a regular expression has no end")
			}
			t.text, text = text[:end+2], text[end+2:]
		default:
			end := strings.IndexAny(text, " \t")
			if end < 0 {
				end = len(text)
			}
			t.text, text = text[:end], text[end:]
			for _, r := range t.text {
				if !plain(r) {
					return nil, invalid("Invalid character(s) in term '%s'", t.text)
				}
			}
		}
		if err != nil {
			return nil, err
		}
		if t.text == "" {
			return nil, invalid("Invalid filter pattern: an empty term")
		}
		terms = append(terms, t)
	}
	return terms, nil
}

// quoted reads up to the closing quote; a backslash takes the next character as it is.
func quoted(text string) (phrase, rest string, err error) {
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		switch {
		case text[i] == '\\' && i+1 < len(text):
			i++
			b.WriteByte(text[i])
		case text[i] == '"':
			return b.String(), text[i+1:], nil
		default:
			b.WriteByte(text[i])
		}
	}
	return "", "", invalid("Invalid filter pattern: a quote has no end")
}
