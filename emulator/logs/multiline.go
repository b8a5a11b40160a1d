package logs

import (
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"
)

// EventStart makes of the options awslogs-datetime-format and awslogs-multiline-pattern what tells the first line of an event ([Writer.Join]); nil
// means that every line is an event. If both are given the format counts (runtime.md 2.5). As in Docker's awslogs driver, what is between the
// directives of a format is a regular expression, and a directive that is not known is left out. The error has that driver's words.
func EventStart(datetimeFormat, multilinePattern string) (*regexp.Regexp, error) {
	pattern := multilinePattern
	if datetimeFormat != "" {
		pattern = datetimePattern(datetimeFormat)
	}
	if pattern == "" {
		return nil, nil
	}
	r, err := regexp.Compile(pattern)
	if err != nil {
		// Engines of 2024 and later say <nil> instead of the pattern, by mistake.
		return nil, fmt.Errorf("awslogs could not parse multiline pattern key %q: %w", pattern, err)
	}
	return r, nil
}

// datetimePattern replaces the directives of a format of strftime's.
func datetimePattern(format string) string {
	var b strings.Builder
	for {
		before, after, found := strings.Cut(format, "%")
		b.WriteString(before)
		if !found {
			return b.String()
		}
		r, size := utf8.DecodeRuneInString(after)
		if size == 0 || r == '\n' { // a percent sign with nothing behind it in its line is itself
			b.WriteByte('%')
			size = 0
		} else {
			b.WriteString(directive(r))
		}
		format = after[size:]
	}
}

// directive is what a directive stands for, to Docker's driver: each has as many digits as it can have.
func directive(r rune) string {
	switch r {
	case 'a':
		return "(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)"
	case 'A':
		return "(?:(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day)"
	case 'w':
		return "[0-6]"
	case 'd':
		return "(?:0[1-9]|[12][0-9]|3[01])"
	case 'b':
		return "(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)"
	case 'B':
		return "(?:January|February|March|April|May|June|July|August|September|October|November|December)"
	case 'm':
		return "(?:0[1-9]|1[0-2])"
	case 'Y':
		return "[0-9]{4}"
	case 'y':
		return "[0-9]{2}"
	case 'H':
		return "(?:[01][0-9]|2[0-3])"
	case 'I':
		return "(?:0[0-9]|1[0-2])"
	case 'p':
		return "[AP]M"
	case 'M', 'S':
		return "[0-5][0-9]"
	case 'f':
		return "[0-9]{6}" // microseconds
	case 'L':
		return `\.[0-9]{3}` // milliseconds, with their point
	case 'z':
		return "[+-][0-9]{4}"
	case 'Z':
		return "[A-Z]{1,4}T"
	case 'j':
		return "(?:[0-2][0-9]{2}|3[0-5][0-9]|36[0-6])"
	}
	return ""
}
