package command

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/batch/types"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/batch-local/batch-local/cmd/batch-local/internal/settings"
)

// wrongFlag words what pflag refuses as settings do: the flag, the value, what is wrong with it.
func wrongFlag(cmd *cobra.Command, err error) error {
	if unknown := cmd.Flags().Arg(0); !cmd.HasParent() && unknown != "" { // its flags are none of the root's
		return unknownCommand(cmd, unknown)
	}
	var value *pflag.InvalidValueError
	if errors.As(err, &value) {
		return usageError{fmt.Sprintf("--%s %s: %v", value.GetFlag().Name, value.GetValue(), value.Unwrap())}
	}
	var unknown *pflag.NotExistError
	if errors.As(err, &unknown) && unknown.GetSpecifiedShortnames() == "" {
		var names []string
		cmd.Flags().VisitAll(func(f *pflag.Flag) { names = append(names, "--"+f.Name) })
		return usageError{err.Error() + meant(settings.Nearest("--"+unknown.GetSpecifiedName(), slices.Values(names)))}
	}
	return usageError{err.Error()}
}

// choice is a flag that is one of a few words.
type choice struct {
	value string
	words []string
}

// choiceFlag gives a command a flag that is one of words, the first if nothing is said.
func choiceFlag(cmd *cobra.Command, name, letter string, words []string, help string) *string {
	c := &choice{words[0], words}
	cmd.Flags().VarP(c, name, letter, help)
	_ = cmd.RegisterFlagCompletionFunc(name, cobra.FixedCompletions(words, cobra.ShellCompDirectiveNoFileComp))
	return &c.value
}

func (c *choice) String() string { return c.value }
func (c *choice) Type() string   { return strings.Join(c.words, "|") }
func (c *choice) Set(text string) error {
	if !slices.Contains(c.words, text) {
		return fmt.Errorf("it must be %s or %s", strings.Join(c.words[:len(c.words)-1], ", "), c.words[len(c.words)-1])
	}
	c.value = text
	return nil
}

// timeLimit is a flag that holds a time limit; 0 is none.
type timeLimit time.Duration

// limitFlag gives a command --timeout and answers where its value will be.
func limitFlag(cmd *cobra.Command, help string) *timeLimit {
	limit := new(timeLimit)
	cmd.Flags().VarPF(limit, "timeout", "", help).DefValue = "" // which help says in words
	return limit
}

func (l *timeLimit) String() string { return time.Duration(*l).String() }
func (l *timeLimit) Type() string   { return "TIME" }
func (l *timeLimit) Set(text string) error {
	d, err := time.ParseDuration(text)
	switch {
	case err != nil:
		return errors.New("it must be a duration such as 5s")
	case d < 0:
		return errors.New("it must not be negative")
	}
	*l = timeLimit(d)
	return nil
}

// jobStatus is a flag that holds a status of a job.
type jobStatus types.JobStatus

func statusFlag(cmd *cobra.Command) *jobStatus {
	status := new(jobStatus)
	cmd.Flags().Var(status, "until", "wait for this status or a later one (default: the end)")
	_ = cmd.RegisterFlagCompletionFunc("until", completeStatuses)
	return status
}

func (s *jobStatus) String() string { return string(*s) }
func (s *jobStatus) Type() string   { return "STATUS" }
func (s *jobStatus) Set(text string) error {
	status, err := parseStatus(text)
	*s = jobStatus(status)
	return err
}

func parseStatus(text string) (types.JobStatus, error) {
	status := types.JobStatus(strings.ToUpper(text))
	if known := status.Values(); !slices.Contains(known, status) {
		return "", fmt.Errorf("it must be one of %s", words(known))
	}
	return status, nil
}

func words(statuses []types.JobStatus) string {
	var text []string
	for _, status := range statuses {
		text = append(text, string(status))
	}
	return strings.Join(text, ", ")
}

func completeStatuses(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	var all []string
	for _, status := range types.JobStatus("").Values() {
		all = append(all, string(status))
	}
	return all, cobra.ShellCompDirectiveNoFileComp
}

// statusList is a flag that holds statuses of jobs.
type statusList []types.JobStatus

func (l *statusList) String() string { return words(*l) }
func (l *statusList) Type() string   { return "STATUS" }
func (l *statusList) Set(text string) error {
	status, err := parseStatus(text)
	*l = append(*l, status)
	return err
}
