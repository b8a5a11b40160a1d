package client

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/batch/types"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	logtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"

	"github.com/batch-local/batch-local/emulator/batch"
)

// A Line is one line that a job printed, on either output: CloudWatch Logs does not tell them apart.
type Line struct {
	Time      time.Time
	Text      string
	Container string // its name
}

// A Transcript is all that a job prints, attempt after attempt, and of one attempt the lines of all containers by their time.
type Transcript struct {
	client *Client
	only   string // container; empty is all

	attempts [][]*source // in order
	at       int         // the attempt that is being read
	ended    bool        // the job
	asked    int         // streams, at the last Read
}

// A source is the log stream of one container in one attempt.
type source struct {
	place
	container, stream string
	// sequel says that nothing comes after it before it has ended: an init container's.
	sequel bool

	token string // behind the last line that was read
	there bool   // it was seen
	page  []Line // read, and not handed on
	dry   bool   // there is no more for now
	over  bool   // nor will there be
}

// A place is where the log streams of a container are. An empty region is the job's own.
type place struct{ group, region string }

// Transcript begins to read what a job printed, or one of its containers if that is not empty. Each Update with a newer look at the job lets it
// see newer attempts.
func (c *Client) Transcript(container string) *Transcript {
	return &Transcript{client: c, only: container}
}

// Update takes a newer look at the job.
func (t *Transcript) Update(job types.JobDetail) {
	t.ended = Ended(job)
	where := placesOf(job)
	single := func(stream *string) []*source {
		only := onlyContainer(job)
		return []*source{{place: where(only), container: only, stream: aws.ToString(stream)}}
	}
	for _, attempt := range job.Attempts {
		if attempt.Container != nil {
			t.add(single(attempt.Container.LogStreamName))
		}
		var all []*source
		for _, task := range attempt.TaskProperties {
			for _, c := range task.Containers {
				name := containerName(c.Name)
				all = append(all, &source{place: where(name), container: name, stream: aws.ToString(c.LogStreamName)})
			}
		}
		t.add(all)
	}
	for _, attempt := range job.EksAttempts {
		t.add(podSources(attempt.PodName, namesOf(attempt.InitContainers), namesOf(attempt.Containers)))
	}

	if job.Container != nil {
		t.add(single(job.Container.LogStreamName))
	}
	var all []*source
	for c := range taskContainers(job) {
		name := containerName(c.Name)
		all = append(all, &source{place: where(name), container: name, stream: aws.ToString(c.LogStreamName)})
	}
	t.add(all)
	if pod := podOf(job); pod != nil {
		t.add(podSources(pod.PodName, podNames(pod.InitContainers), podNames(pod.Containers)))
	}
}

// podSources are the streams of a pod, if the server keeps any: DescribeJobs does not tell their names.
func podSources(pod *string, inits, others []string) (all []*source) {
	if aws.ToString(pod) == "" {
		return nil
	}
	add := func(names []string, init bool) {
		for _, name := range names {
			all = append(all, &source{place: place{group: batch.PodLogGroup}, container: name, stream: batch.PodLogStream(*pod, name), sequel: init})
		}
	}
	add(inits, true)
	add(others, false)
	return all
}

// placesOf finds where a job's containers write, by their name.
func placesOf(job types.JobDetail) func(container string) place {
	places := map[string]place{}
	set := func(name string, l *types.LogConfiguration) {
		if l != nil {
			places[name] = place{l.Options["awslogs-group"], l.Options["awslogs-region"]}
		}
	}
	if job.Container != nil {
		set(defaultContainer, job.Container.LogConfiguration)
	}
	for c := range taskContainers(job) {
		set(containerName(c.Name), c.LogConfiguration)
	}
	if c := mainNode(job); c != nil { // whose attempts are the job's
		set(defaultContainer, c.LogConfiguration)
	}
	usual := batch.DefaultLogGroup
	if IsService(job) {
		usual = batch.TrainingLogGroup
	}
	return func(container string) place {
		is := places[container]
		is.group = cmp.Or(is.group, usual)
		return is
	}
}

// add takes streams of one attempt, which are new or known.
func (t *Transcript) add(streams []*source) {
	attempt := -1
	var fresh []*source
	for _, s := range streams {
		if s.stream == "" || t.only != "" && t.only != s.container {
			continue
		}
		known := slices.IndexFunc(t.attempts, func(all []*source) bool {
			return slices.ContainsFunc(all, func(other *source) bool { return other.stream == s.stream && other.place == s.place })
		})
		if known >= 0 {
			attempt = known
		} else {
			fresh = append(fresh, s)
		}
	}
	switch {
	case len(fresh) == 0:
	case attempt >= 0:
		t.attempts[attempt] = append(t.attempts[attempt], fresh...)
	default:
		t.attempts = append(t.attempts, fresh)
	}
}

// Attempts is how many attempts have a log so far, as far as the job tells; of pods it cannot.
func (t *Transcript) Attempts() int { return len(t.attempts) }

// Found says whether any stream was there when it was read.
func (t *Transcript) Found() bool {
	return slices.ContainsFunc(t.attempts, func(all []*source) bool {
		return slices.ContainsFunc(all, func(s *source) bool { return s.there })
	})
}

// Read hands on every line that was printed since the last Read.
func (t *Transcript) Read(ctx context.Context, each func([]Line) error) error {
	t.asked = 0
	for t.at < len(t.attempts) {
		// What the next attempt's streams follow was complete before that one began.
		last := t.at == len(t.attempts)-1
		if err := t.readAttempt(ctx, last && !t.ended, each); err != nil || last {
			return err
		}
		t.at++
	}
	return nil
}

// readAttempt reads the streams of one attempt to their present end. Of one that goes on, streams that can have nothing new are left out.
func (t *Transcript) readAttempt(ctx context.Context, goesOn bool, each func([]Line) error) error {
	all := t.attempts[t.at]
	before := 0 // those that had been seen before a later one was
	for i, s := range all {
		if s.there {
			before = i
		}
	}
	for i, s := range all {
		if s.dry = goesOn && s.over; s.dry {
			continue
		}
		if err := t.fill(ctx, s); err != nil {
			return err
		}
		t.asked++
		s.over = s.sequel && i < before
		if goesOn && s.sequel && !s.there {
			for _, later := range all[i+1:] {
				later.dry = true
			}
			break
		}
	}
	var lines []Line
	tell := func() error {
		if len(lines) == 0 {
			return nil
		}
		err := each(lines)
		lines = nil
		return err
	}
	for {
		first := (*source)(nil)
		for _, s := range all {
			if len(s.page) == 0 && !s.dry {
				if err := tell(); err != nil {
					return err
				}
				if err := t.fill(ctx, s); err != nil {
					return err
				}
			}
			if len(s.page) > 0 && (first == nil || s.page[0].Time.Before(first.page[0].Time)) {
				first = s
			}
		}
		if first == nil {
			return tell()
		}
		lines = append(lines, first.page[0])
		first.page = first.page[1:]
	}
}

// fill reads the next page of a stream. An empty one is its present end; the token of such a page is the time of the call, and an event that is
// kept later may have begun before that.
func (t *Transcript) fill(ctx context.Context, s *source) error {
	request := &cloudwatchlogs.GetLogEventsInput{LogGroupName: &s.group, LogStreamName: &s.stream, StartFromHead: aws.Bool(true)}
	if s.token != "" {
		request.NextToken = &s.token
	}
	page, err := t.client.Logs.GetLogEvents(ctx, request, func(o *cloudwatchlogs.Options) { o.Region = cmp.Or(s.region, o.Region) })
	var missing *logtypes.ResourceNotFoundException
	if errors.As(err, &missing) { // the stream comes with the container's first moment
		s.dry = true
		return nil
	}
	if err != nil {
		return err
	}
	s.there = true
	if s.dry = len(page.Events) == 0; !s.dry {
		s.token, s.page = aws.ToString(page.NextForwardToken), linesOf(page.Events, s.container)
	}
	return nil
}

func linesOf(events []logtypes.OutputLogEvent, container string) []Line {
	lines := make([]Line, len(events))
	for i, event := range events {
		lines[i] = Line{time.UnixMilli(aws.ToInt64(event.Timestamp)), aws.ToString(event.Message), container}
	}
	return lines
}
