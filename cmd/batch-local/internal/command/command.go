// Package command is the command line: one file for each command, and beside them what they share:
//
//	command.go    the root command and what every command is given
//	exit.go       errors, what they say and the exit codes they are
//	interrupt.go  Ctrl-C, once and twice
//	connect.go    --endpoint, and the client for it
//	output.go     --output: tables and JSON
//	lines.go      lines of logs, and whose they are
//
// Exit codes: 0 all is well, 1 failed, 2 bad usage, 124 a time limit of ours; run and wait end with the job's own,
// exec with that of its command.
package command

import (
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/batch-local/batch-local/cmd/batch-local/internal/settings"
)

// A program is what every command is given.
type program struct {
	version   string
	environ   []string
	in        *os.File
	out, err  io.Writer
	interrupt *interrupt
	// engineTime is the constant, but for tests.
	engineTime time.Duration
}

// Main runs the command that the process was started with, and answers its exit code.
func Main(version string) int {
	p := &program{
		version:   versionOf(version),
		environ:   os.Environ(),
		in:        os.Stdin,
		out:       os.Stdout,
		err:       os.Stderr,
		interrupt: catchInterrupts(),

		engineTime: engineTime,
	}
	defer p.interrupt.close()
	root := p.root()
	cmd, err := root.ExecuteContextC(p.interrupt.context)
	return p.finish(cmd, err)
}

func (p *program) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "batch-local [command]",
		Short: "AWS Batch on your own machine",
		Long: `batch-local is AWS Batch on your own machine: it answers the same API, and runs
jobs as containers on your own Docker.`,
		Example: `  batch-local serve                            start it; Ctrl-C ends it
  batch-local run busybox -- echo hello        run one job and see what it prints
  eval "$(batch-local env)"                    point AWS tools of this shell at it`,
		DisableFlagsInUseLine: true,
		SilenceErrors:         true,
		SilenceUsage:          true,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return nil
			}
			return unknownCommand(cmd, args[0])
		},
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.SetOut(p.out)
	root.SetErr(p.err)
	root.SetFlagErrorFunc(wrongFlag)
	root.SetUsageTemplate(usage)
	root.SuggestionsMinimumDistance = 2
	root.AddGroup(&cobra.Group{ID: "server", Title: "The server:"}, &cobra.Group{ID: "jobs", Title: "Jobs:"}, &cobra.Group{ID: "help", Title: "Help:"})
	root.SetHelpCommandGroupID("help")
	root.SetCompletionCommandGroupID("help")
	group := func(id string, commands ...*cobra.Command) {
		for _, c := range commands {
			c.GroupID = id
			root.AddCommand(c)
		}
	}
	group("server", p.serve(), p.env(), p.doctor(), p.healthcheck(), p.reset())
	group("jobs", p.run(), p.jobs(), p.logs(), p.wait(), p.why(), p.exec(), p.reproduce(), p.events())
	group("help", p.versionCommand())
	return root
}

func unknownCommand(root *cobra.Command, word string) error {
	text := fmt.Sprintf("there is no command %q", word)
	var names []string
	for _, c := range root.Commands() {
		if c.IsAvailableCommand() {
			names = append(names, c.Name())
		}
	}
	near := settings.Nearest(word, slices.Values(names))
	if begun := root.SuggestionsFor(word); near == "" && len(begun) > 0 { // cobra also knows beginnings
		near = begun[0]
	}
	return usageError{text + meant(near)}
}

// meant offers what was most likely meant, if anything is near.
func meant(near string) string {
	if near == "" {
		return ""
	}
	return "; did you mean " + near + "?"
}

// usage is what follows the description in help.
const usage = `Usage: {{.UseLine}}{{if .HasExample}}

Examples:
{{.Example}}{{end}}{{if .HasAvailableSubCommands}}{{$commands := .Commands}}{{range $group := .Groups}}

{{.Title}}{{range $commands}}{{if and (eq .GroupID $group.ID) (or .IsAvailableCommand (eq .Name "help"))}}
  {{rpad .Name .NamePadding}}  {{.Short}}{{end}}{{end}}{{end}}{{if not .Groups}}

Commands:{{range $commands}}{{if .IsAvailableCommand}}
  {{rpad .Name .NamePadding}}  {{.Short}}{{end}}{{end}}{{end}}{{end}}{{if .HasAvailableLocalFlags}}

Flags:
{{.LocalFlags.FlagUsages | trimTrailingWhitespaces}}{{end}}{{if .HasAvailableSubCommands}}

{{.CommandPath}} [command] --help says more about a command.{{end}}
`

// say writes one line for people to standard error.
func (p *program) say(format string, args ...any) {
	fmt.Fprintf(p.err, "batch-local: "+format+"\n", args...)
}

// exactly refuses any other number of words than the names of what a command takes.
func exactly(names ...string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		switch {
		case len(args) < len(names):
			return usageError{names[len(args)] + " is missing"}
		case len(args) > len(names):
			return usageError{fmt.Sprintf("%q is one word too many", args[len(names)])}
		}
		return nil
	}
}

// thenCommand is for one word and, behind --, a command.
func thenCommand(name string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		words := len(args)
		if dash := cmd.ArgsLenAtDash(); dash >= 0 {
			words = dash
		}
		switch {
		case words == 0:
			return usageError{name + " is missing"}
		case words > 1:
			return usageError{fmt.Sprintf("put -- before the command: batch-local %s %s -- %s", cmd.Name(), args[0], strings.Join(args[1:], " "))}
		}
		return nil
	}
}
