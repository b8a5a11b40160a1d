package command

import (
	"bufio"
	"os"
	"slices"
	"strings"

	"golang.org/x/term"

	"github.com/batch-local/batch-local/cmd/batch-local/internal/client"
)

// printer writes lines of a log to standard output, all that came together in one go. If there are several containers, each line begins with the name
// of its own.
func (p *program) printer(times bool, containers []string) func([]client.Line) error {
	front := fronts(containers, p.coloured())
	return func(lines []client.Line) error {
		w := bufio.NewWriter(p.out)
		for _, line := range lines {
			name := front(line.Container)
			if times {
				name += line.Time.UTC().Format("2006-01-02T15:04:05.000Z") + " "
			}
			text := line.Text
			if name != "" && len(containers) > 1 { // an event may be of several lines
				text = strings.ReplaceAll(strings.TrimSuffix(text, "\n"), "\n", "\n"+name)
			}
			w.WriteString(name)
			w.WriteString(text)
			w.WriteByte('\n')
		}
		return w.Flush()
	}
}

// fronts is what lines of each container begin with: names of one width.
func fronts(containers []string, coloured bool) func(container string) string {
	if len(containers) < 2 {
		return func(string) string { return "" }
	}
	width := 0
	for _, name := range containers {
		width = max(width, len(name))
	}
	all := make(map[string]string, len(containers))
	for i, name := range containers {
		front := printable(name) + strings.Repeat(" ", width-len(name)) + " | "
		if coloured {
			front = colours[i%len(colours)] + front + plainColour
		}
		all[name] = front
	}
	return func(container string) string { return all[container] }
}

// colours tell containers apart: cyan, yellow, green, magenta, blue, and the bright ones.
var colours = []string{
	"\x1b[36m", "\x1b[33m", "\x1b[32m", "\x1b[35m", "\x1b[34m", "\x1b[96m", "\x1b[93m", "\x1b[92m", "\x1b[95m", "\x1b[94m",
}

const plainColour = "\x1b[0m"

// coloured says whether what is printed goes to a terminal that shows colours, and nobody minds them (no-color.org).
func (p *program) coloured() bool {
	screen, ok := p.out.(*os.File)
	if !ok || !term.IsTerminal(int(screen.Fd())) {
		return false
	}
	return !slices.ContainsFunc(p.environ, func(variable string) bool {
		name, value, _ := strings.Cut(variable, "=")
		return name == "NO_COLOR" && value != "" || name == "TERM" && value == "dumb"
	})
}
