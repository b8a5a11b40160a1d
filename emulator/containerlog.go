package emulator

import (
	"io"
	"regexp"
	"strconv"
	"time"

	"github.com/batch-local/batch-local/emulator/batch"
	"github.com/batch-local/batch-local/emulator/logs"
	"github.com/batch-local/batch-local/emulator/runner"
)

// containerLog is a stream of the store as a driver writes it.
type containerLog struct{ writer *logs.Writer }

// openLog opens the stream of a container. It makes a group that is missing, and joins no lines if the pattern is none: what speaks
// against a log is for checkLog to say, and a driver that does not ask takes every log.
func (e *Emulator) openLog(t batch.Task, c batch.Container) (runner.Log, error) {
	if c.LogGroup == "" { // another log driver takes the output, or nobody; nothing of it is kept here
		return runner.DiscardLog{}, nil
	}
	w, err := e.logs.Create(logKey(t, c))
	if err != nil {
		return nil, err
	}
	if starts, err := eventStart(c); err == nil {
		w.Join(starts)
	}
	return containerLog{w}, nil
}

// A logError is why the awslogs driver does not start a container, as the attempt's platform words it.
type logError struct {
	platform batch.Platform
	reason   string // the driver's
}

func (e *logError) Error() string {
	if e.platform == batch.Fargate {
		// Seen in many bug reports, for a missing group and for missing rights. Guess: that a wrong pattern has this form too.
		return "failed to validate logger args: create stream has been retried 1 times: " + e.reason + " : exit status 1"
	}
	return "failed to initialize logging driver: " + e.reason
}

// noLogGroup is the driver's text (runtime.md 2.5), as engines before 25 have it.
const noLogGroup = "failed to create Cloudwatch log stream: ResourceNotFoundException: The specified log group does not exist."

// checkLog says why the awslogs driver does not start a container (runtime.md 2.5).
func (e *Emulator) checkLog(t batch.Task, c batch.Container) error {
	if c.LogGroup == "" {
		return nil
	}
	if _, err := eventStart(c); err != nil {
		return &logError{t.Platform, err.Error()}
	}
	create, _ := strconv.ParseBool(logOption(c, "awslogs-create-group"))
	key := logKey(t, c)
	switch {
	case create, e.logs.HasGroup(key.Account, key.Region, key.Group):
		return nil
	case logOption(c, "awslogs-group") == "", key.Group == batch.DefaultLogGroup: // the service makes its own
		return nil
	case logOption(c, "mode") == "non-blocking":
		// Docker's driver looks for the group while the container runs, and what is printed is lost if it never comes. Here it is kept.
		return nil
	}
	return &logError{t.Platform, noLogGroup}
}

func logKey(t batch.Task, c batch.Container) logs.Key {
	region := c.LogRegion
	if region == "" {
		region = t.Scope.Region
	}
	return logs.Key{Account: t.Scope.Account, Region: region, Group: c.LogGroup, Stream: c.LogStream}
}

// logOption is an option of the container's awslogs driver; empty is none.
func logOption(c batch.Container, name string) string {
	if c.Properties == nil || c.Properties.LogConfiguration == nil {
		return ""
	}
	return c.Properties.LogConfiguration.Options[name]
}

func eventStart(c batch.Container) (*regexp.Regexp, error) {
	return logs.EventStart(logOption(c, "awslogs-datetime-format"), logOption(c, "awslogs-multiline-pattern"))
}

// Writer implements runner.Log.
func (l containerLog) Writer(std runner.Std) io.Writer { return l.writer.Output(logs.Std(std)) }

// Append implements runner.Log.
func (l containerLog) Append(std runner.Std, at time.Time, line []byte) error {
	return l.writer.Append(logs.Std(std), at, line)
}

// Lines implements runner.Log.
func (l containerLog) Lines() (stdout, stderr int64) { return l.writer.Lines() }

// Close implements runner.Log.
func (l containerLog) Close() error { return l.writer.Close() }

// Abandon implements runner.Log.
func (l containerLog) Abandon() error { return l.writer.Abandon() }
