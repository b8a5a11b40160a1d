package client

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/batch/types"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	logtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"
)

// A Line is one line that a job printed, on either output: CloudWatch Logs does not tell them apart.
type Line struct {
	Time time.Time
	Text string
}

// A Transcript is all that a job prints, attempt after attempt.
type Transcript struct {
	client  *Client
	group   string
	streams []string // of the attempts, in order
	at      int      // the stream that is being read
	token   string   // where in it
}

// Transcript begins to read what a job printed. Each Update with a newer look at the job lets it see newer attempts.
func (c *Client) Transcript() *Transcript { return &Transcript{client: c} }

// Update takes a newer look at the job.
func (t *Transcript) Update(job types.JobDetail) {
	if t.group = "/aws/batch/job"; job.Container != nil && job.Container.LogConfiguration != nil {
		if group := job.Container.LogConfiguration.Options["awslogs-group"]; group != "" {
			t.group = group
		}
	}
	for _, attempt := range job.Attempts {
		if attempt.Container != nil {
			t.add(attempt.Container.LogStreamName)
		}
	}
	if job.Container != nil {
		t.add(job.Container.LogStreamName)
	}
}

func (t *Transcript) add(stream *string) {
	if name := aws.ToString(stream); name != "" && !slices.Contains(t.streams, name) {
		t.streams = append(t.streams, name)
	}
}

// Streams is how many attempts have a log so far.
func (t *Transcript) Streams() int { return len(t.streams) }

// Read hands on every line that was printed since the last Read.
func (t *Transcript) Read(ctx context.Context, each func([]Line) error) error {
	for t.at < len(t.streams) {
		// What the next attempt's stream follows was complete before that one began.
		last := t.at == len(t.streams)-1
		if err := t.readStream(ctx, each); err != nil || last {
			return err
		}
		t.at, t.token = t.at+1, ""
	}
	return nil
}

// readStream reads one stream to its present end, which is where the service answers the token that it was given.
func (t *Transcript) readStream(ctx context.Context, each func([]Line) error) error {
	for {
		request := &cloudwatchlogs.GetLogEventsInput{
			LogGroupName: &t.group, LogStreamName: &t.streams[t.at], StartFromHead: aws.Bool(true),
		}
		if t.token != "" {
			request.NextToken = &t.token
		}
		page, err := t.client.Logs.GetLogEvents(ctx, request)
		var missing *logtypes.ResourceNotFoundException
		if errors.As(err, &missing) { // the stream comes with the container's first moment
			return nil
		}
		if err != nil {
			return err
		}
		if lines := linesOf(page.Events); len(lines) > 0 {
			if err := each(lines); err != nil {
				return err
			}
		}
		before := t.token
		t.token = aws.ToString(page.NextForwardToken)
		if t.token == before || t.token == "" {
			return nil
		}
	}
}

func linesOf(events []logtypes.OutputLogEvent) []Line {
	lines := make([]Line, len(events))
	for i, event := range events {
		lines[i] = Line{time.UnixMilli(aws.ToInt64(event.Timestamp)), aws.ToString(event.Message)}
	}
	return lines
}
