// Package events keeps the latest changes of jobs and tells them to whoever follows, as EventBridge would
// (events-logs-schedules.md 3).
//
// What is kept are the core's own events, with the job as it was then; what a follower gets is made of them when it asks. So an
// event that nobody follows costs a pointer in a list.
package events

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/batch-local/batch-local/emulator/api"
	"github.com/batch-local/batch-local/emulator/batch"
)

const (
	keepAlways = 4096    // events for those who come back (Last-Event-ID)
	keepAtMost = 1 << 18 // for a follower that is slow; it loses what came before
)

// A Stream is safe for concurrent use. New makes one.
type Stream struct {
	space uuid.UUID // ids are made of it and of the number

	mu      sync.Mutex
	first   uint64 // number of list[0]
	list    []batch.Event
	readers map[*Reader]bool
	more    chan struct{} // closed when there is more
}

// New makes a stream. Instance names it: numbers, and so the ids of events, are its own.
func New(instance string) *Stream {
	return &Stream{space: uuid.NewSHA1(uuid.NameSpaceOID, []byte("batch-local events "+instance)), first: 1, readers: map[*Reader]bool{}, more: make(chan struct{})}
}

// Observe adds events in their order. It does not block.
func (s *Stream) Observe(list []batch.Event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, e := range list {
		if e.To != batch.Submitted { // AWS tells of no SUBMITTED
			s.list = append(s.list, e)
		}
	}
	s.trim()
	close(s.more)
	s.more = make(chan struct{})
}

// trim drops what nobody needs: more than the latest, unless a reader is behind. The lock is held.
func (s *Stream) trim() {
	if len(s.list) < 2*keepAlways {
		return
	}
	need := s.first + uint64(len(s.list)) - keepAlways
	for r := range s.readers {
		need = min(need, r.next)
	}
	need = max(need, s.first+uint64(max(0, len(s.list)-keepAtMost)))
	if n := need - s.first; n >= keepAlways { // rarely, as it copies
		s.list, s.first = append([]batch.Event(nil), s.list[n:]...), need
	}
}

// A Reader follows a stream. One goroutine at a time uses it; Close ends it.
type Reader struct {
	stream *Stream
	next   uint64
}

// Read begins after the event of a number, or with Latest with the next that comes. Numbers begin with 1.
func (s *Stream) Read(after uint64) *Reader {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := &Reader{stream: s}
	if next := s.first + uint64(len(s.list)); after < next {
		r.next = max(s.first, after+1)
	} else {
		r.next = next
	}
	s.readers[r] = true
	return r
}

// Latest is the number of the newest event; 0 if there never was one.
func (s *Stream) Latest() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.first + uint64(len(s.list)) - 1
}

// Read says how far a reader is: every event up to this number.
func (r *Reader) Read() uint64 { return r.next - 1 }

// Next answers the next event and its number, waiting for it if need be.
func (r *Reader) Next(ctx context.Context) (batch.Event, uint64, error) {
	for {
		s := r.stream
		s.mu.Lock()
		r.next = max(r.next, s.first)
		if at := r.next - s.first; at < uint64(len(s.list)) {
			e, number := s.list[at], r.next
			r.next++
			s.mu.Unlock()
			return e, number, nil
		}
		more := s.more
		s.mu.Unlock()
		select {
		case <-more:
		case <-ctx.Done():
			return batch.Event{}, 0, context.Cause(ctx)
		}
	}
}

// Close lets the stream forget the reader.
func (r *Reader) Close() {
	r.stream.mu.Lock()
	defer r.stream.mu.Unlock()
	delete(r.stream.readers, r)
}

// An Envelope is an event as EventBridge tells it.
type Envelope struct {
	Version    string          `json:"version"`
	ID         string          `json:"id"`
	DetailType string          `json:"detail-type"`
	Source     string          `json:"source"`
	Account    string          `json:"account"`
	Time       string          `json:"time"`
	Region     string          `json:"region"`
	Resources  []string        `json:"resources"`
	Detail     json.RawMessage `json:"detail"`
}

// StateChange is the envelope of a job's change of status. detail is the job as DescribeJobs showed it then.
func (s *Stream) StateChange(number uint64, e batch.Event, detail api.JobDetail) (Envelope, error) {
	j := e.Was
	tagged := string(j.ARN())
	if j.ID.Mark() == batch.MarkChild {
		tagged = string(j.Scope.ARN("job", string(j.ID.Parent())))
	}
	tags := map[string]string{"resourceArn": tagged}
	for k, v := range detail.Tags {
		tags[k] = v
	}
	detail.Tags = tags
	if detail.PropagateTags == nil {
		detail.PropagateTags = new(false)
	}
	return s.envelope(number, e, "Batch Job State Change", detail)
}

// ServiceStateChange is that of a service job. detail is the job as DescribeServiceJob showed it then.
func (s *Stream) ServiceStateChange(number uint64, e batch.Event, detail api.DescribeServiceJobOutput) (Envelope, error) {
	detail.Tags, detail.ServiceRequestPayload = nil, nil
	return s.envelope(number, e, "Batch Service Job State Change", detail)
}

func (s *Stream) envelope(number uint64, e batch.Event, kind string, detail any) (Envelope, error) {
	data, err := json.Marshal(detail)
	if err != nil {
		return Envelope{}, err
	}
	j := e.Was
	return Envelope{
		Version: "0", ID: uuid.NewSHA1(s.space, binary.BigEndian.AppendUint64(nil, number)).String(),
		DetailType: kind, Source: "aws.batch", Account: j.Scope.Account, Region: j.Scope.Region,
		Time: time.UnixMilli(e.At).UTC().Format(time.RFC3339), Resources: []string{string(j.ARN())}, Detail: data,
	}, nil
}
