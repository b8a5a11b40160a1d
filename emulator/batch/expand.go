package batch

import "strings"

// expand replaces $(NAME) as Kubernetes does in a container's command, args and values of variables (runtime.md 5.2): a name that is not
// known stays as it is written, and two dollar signs stand for one, so that $$(NAME) becomes $(NAME). A reference that is not closed, and a
// dollar sign before anything else, are text. What is put in is not read again.
func expand(text string, known map[string]string) string {
	at := strings.IndexByte(text, '$')
	if at < 0 {
		return text
	}
	var b strings.Builder
	for ; at >= 0; at = strings.IndexByte(text, '$') {
		b.WriteString(text[:at])
		text = text[at+1:]
		switch {
		case strings.HasPrefix(text, "$"):
			b.WriteByte('$')
			text = text[1:]
		case strings.HasPrefix(text, "("):
			name, rest, closed := strings.Cut(text[1:], ")")
			value, is := known[name]
			switch {
			case !closed:
				b.WriteByte('$')
			case is:
				b.WriteString(value)
				text = rest
			default:
				b.WriteString("$(" + name + ")")
				text = rest
			}
		default:
			b.WriteByte('$')
		}
	}
	b.WriteString(text)
	return b.String()
}

// expandAll answers the list itself if there is nothing to replace.
func expandAll(list []string, known map[string]string) []string {
	expanded := list
	for i, text := range list {
		is := expand(text, known)
		if is == text {
			continue
		}
		if &expanded[0] == &list[0] {
			expanded = append([]string(nil), list...)
		}
		expanded[i] = is
	}
	return expanded
}
