package command

import (
	"context"
	"errors"
	"fmt"
	"syscall"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/batch"
	"github.com/aws/aws-sdk-go-v2/service/batch/types"

	"github.com/batch-local/batch-local/cmd/batch-local/internal/client"
)

// follow shows the job until it has ended. When ask ends, the time is up, or what the job prints cannot be written any more,
// the job is terminated, and followed on to its end. calls is the context of everything that must still be done then.
func (p *program) follow(ask, calls context.Context, c *client.Client, id string, r request) error {
	p.say("job %s: %s, %s vCPU, %s MiB, %s", id, r.image, &r.vcpus, &r.memory, r.platform())
	var (
		print, unwritten = p.untilBroken(p.printer(false, nil))
		interrupted      = ask.Done()
		late             = after(r.limit)
		timedOut         bool
		failure          error
		ended            = make(chan error, 1)
		last             types.JobDetail
	)
	go func() {
		var err error
		last, err = c.Follow(calls, id, client.Observer{Seen: p.progress(), Lines: print})
		ended <- err
	}()
	for {
		reason := ""
		select {
		case err := <-ended:
			return end(last, timedOut, errors.Join(err, failure))
		case <-interrupted:
			interrupted = nil
			p.say("terminating the job; %s again leaves at once", p.interrupt.name())
			reason = "Terminated by " + p.interrupt.name() + " in batch-local run"
		case <-late:
			timedOut = true
			p.say("terminating the job after %s", r.limit)
			reason = "Terminated after the --timeout " + r.limit.String() + " of batch-local run"
		case err := <-unwritten:
			if !errors.Is(err, syscall.EPIPE) { // a reader that has enough is no failure
				failure = err
			}
			reason = "Terminated because the output of batch-local run cannot be written"
		}
		if _, err := c.Batch.TerminateJob(calls, &batch.TerminateJobInput{JobId: &id, Reason: &reason}); err != nil && calls.Err() == nil {
			p.say("%s", plain(err))
		}
	}
}

// end is how run ends with its job.
func end(job types.JobDetail, timedOut bool, err error) error {
	code := client.ExitCode(job)
	switch {
	case err != nil:
		return err
	case timedOut:
		return exitCode(exitTimeLimit)
	case code != 0:
		return exitCode(code)
	}
	return nil
}

// after is a channel that has a value after a time; never, for none.
func after(limit time.Duration) <-chan time.Time {
	if limit == 0 {
		return nil
	}
	return time.After(limit)
}

// untilBroken prints until that fails, tells why once, and then takes lines without printing them.
func (p *program) untilBroken(print func([]client.Line) error) (func([]client.Line) error, <-chan error) {
	failed := make(chan error, 1)
	broken := false
	return func(lines []client.Line) error {
		if broken {
			return nil
		}
		if err := print(lines); err != nil {
			broken = true
			failed <- err
		}
		return nil
	}, failed
}

// progress prints each state of a job, and why it waits.
func (p *program) progress() func(types.JobDetail) {
	start, last := time.Now(), types.JobDetail{}
	return func(job types.JobDetail) {
		why := reason(job)
		if job.Status == last.Status && why == reason(last) {
			return
		}
		last = job
		line := fmt.Sprintf("  %-9s %6s", job.Status, rough(time.Since(start)))
		if code := client.ResultOf(job).ExitCode; client.Ended(job) && code != nil {
			line += fmt.Sprintf("  exit code %d", *code)
		}
		if why != "" && job.Status != types.JobStatusSucceeded {
			line += "  " + printable(why)
		}
		fmt.Fprintln(p.err, line)
	}
}
