package client

import (
	"context"
	"errors"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/batch/types"
)

// logPause is the time between two looks at the log of a running job. CloudWatch Logs has no call that waits for the next
// line (StartLiveTail answers once a second), so this one thing is asked for again and again: of several containers as often as of one.
const logPause = 100 * time.Millisecond

// lookAgain is the time after which a job is looked at although its status is the same: the reason why it waits may have
// changed, or a whole attempt may have passed.
const lookAgain = time.Second

// An Observer is told about a job.
type Observer struct {
	Seen  func(types.JobDetail) // each time the job is found changed; may be nil
	Lines func([]Line) error    // in order; an error ends the following

	Container string // whose lines are told; empty is all
}

// Follow tells what happens to a job until it has ended, and answers it as it is then. Every line has been told by then.
func (c *Client) Follow(ctx context.Context, id string, tell Observer) (types.JobDetail, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	looks := make(chan look)
	go c.watch(ctx, id, looks)

	transcript, pause := c.Transcript(tell.Container), logPause
	ticker := time.NewTicker(pause)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return types.JobDetail{}, context.Cause(ctx)
		case now := <-looks:
			if now.err != nil {
				return types.JobDetail{}, now.err
			}
			transcript.Update(now.job)
			if Ended(now.job) {
				if err := transcript.Read(ctx, tell.Lines); err != nil {
					return types.JobDetail{}, err
				}
			}
			if tell.Seen != nil {
				tell.Seen(now.job)
			}
			if Ended(now.job) {
				return now.job, nil
			}
		case <-ticker.C:
			if err := transcript.Read(ctx, tell.Lines); err != nil {
				return types.JobDetail{}, err
			}
			if next := logPause * time.Duration(max(transcript.asked, 1)); next != pause {
				pause = next
				ticker.Reset(pause)
			}
		}
	}
}

// A look is a job at one moment.
type look struct {
	job types.JobDetail
	err error
}

// watch sends the job whenever it has changed, its end or an error last.
func (c *Client) watch(ctx context.Context, id string, looks chan<- look) {
	send := func(l look) bool {
		select {
		case looks <- l:
			return l.err == nil && !Ended(l.job)
		case <-ctx.Done():
			return false
		}
	}
	job, err := c.Describe(ctx, id)
	for send(look{job, err}) {
		before := job
		for same(before, job) {
			job, err = c.Wait(ctx, id, after(job.Status), patience(job))
			if errors.Is(err, ErrTimeLimit) {
				job, err = c.Describe(ctx, id)
			}
			if err != nil {
				break
			}
		}
	}
}

func same(a, b types.JobDetail) bool {
	return a.Status == b.Status && aws.ToString(a.StatusReason) == aws.ToString(b.StatusReason) &&
		len(a.Attempts) == len(b.Attempts) && len(a.EksAttempts) == len(b.EksAttempts)
}

// after is the status to wait for; "" is the end.
func after(status types.JobStatus) types.JobStatus {
	switch status {
	case types.JobStatusSubmitted:
		return types.JobStatusPending
	case types.JobStatusPending:
		return types.JobStatusRunnable
	case types.JobStatusRunnable, types.JobStatus(types.ServiceJobStatusScheduled):
		return types.JobStatusStarting
	case types.JobStatusStarting:
		return types.JobStatusRunning
	}
	return ""
}

// patience is how long to wait for the next status. A job that runs and is never tried again has only its end to wait for.
func patience(job types.JobDetail) time.Duration {
	once := job.RetryStrategy == nil || aws.ToInt32(job.RetryStrategy.Attempts) <= 1
	if job.Status == types.JobStatusRunning && once {
		return 0
	}
	return lookAgain
}
