package endpoint

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
)

const (
	// sampleLife is how long a sample answers for the next ones: the engine makes one a second.
	sampleLife = time.Second
	// newerPause is how long the first answer waits before it looks for a second sample, and newerTries how often: the engine may be behind.
	newerPause = sampleLife / 2
	newerTries = 4
)

// A sampler keeps a container's latest sample, and what of it the next one is compared with.
type sampler struct {
	mu     sync.Mutex // held while the engine is asked, so that who comes meanwhile gets the same
	at     time.Time
	answer json.RawMessage
	last   counters
}

// counters are those of a sample that we understand.
type counters struct {
	Read     time.Time `json:"read"`
	Networks map[string]struct {
		Received uint64 `json:"rx_bytes"`
		Sent     uint64 `json:"tx_bytes"`
	} `json:"networks"`
}

func (c counters) sums() (received, sent uint64) {
	for _, n := range c.Networks {
		received, sent = received+n.Received, sent+n.Sent
	}
	return received, sent
}

// sample is the engine's text with network_rate_stats added; the container of a shared network has none. It is null when there is no sample yet. The
// first answer waits for two samples, because rates are made of two.
func (s *sampler) sample(ctx context.Context, source Source, rates bool) (json.RawMessage, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if time.Since(s.at) < sampleLife {
		return s.answer, nil
	}
	raw, now, err := ask(ctx, source)
	switch {
	case err != nil:
		return nil, err
	case raw == nil:
		return json.RawMessage("null"), nil
	}
	if rates && s.last.Read.IsZero() && !now.Read.IsZero() && len(now.Networks) > 0 {
		s.last = now
		raw, now = newer(ctx, source, raw, now)
	}
	if s.answer != nil && now.Read.Equal(s.last.Read) { // the engine has no newer one
		s.at = time.Now()
		return s.answer, nil
	}
	if rates && len(now.Networks) > 0 {
		raw = withRates(raw, s.last, now)
	}
	s.at, s.answer = time.Now(), raw
	if now.Read.After(s.last.Read) {
		s.last = now
	}
	return raw, nil
}

// ask answers the engine's text, nil if there is none yet, and what we understand of it.
func ask(ctx context.Context, source Source) (raw json.RawMessage, is counters, err error) {
	raw, err = source.Stats(ctx)
	if err != nil {
		return nil, is, err
	}
	if raw = bytes.TrimSpace(raw); len(raw) == 0 {
		return nil, is, nil
	}
	if err := json.Unmarshal(raw, &is); err != nil {
		return nil, is, fmt.Errorf("the engine's statistics: %w", err)
	}
	return raw, is, nil
}

// newer waits for a sample after the given one, which it answers if there is none: of a container that ends, or when ctx is done.
func newer(ctx context.Context, source Source, raw json.RawMessage, than counters) (json.RawMessage, counters) {
	for range newerTries {
		select {
		case <-time.After(newerPause):
		case <-ctx.Done():
			return raw, than
		}
		next, is, err := ask(ctx, source)
		if err != nil || next == nil { // whoever asks next hears of it
			return raw, than
		}
		if is.Read.After(than.Read) {
			return next, is
		}
	}
	return raw, than
}

func withRates(raw json.RawMessage, before, now counters) json.RawMessage {
	seconds := now.Read.Sub(before.Read).Seconds()
	if before.Read.IsZero() || seconds <= 0 || raw[len(raw)-1] != '}' {
		return raw
	}
	received, sent := now.sums()
	receivedBefore, sentBefore := before.sums()
	rate := func(now, before uint64) float64 {
		if now < before { // counted anew
			return 0
		}
		return float64(now-before) / seconds
	}
	text, err := json.Marshal(struct {
		Received float64 `json:"rx_bytes_per_sec"`
		Sent     float64 `json:"tx_bytes_per_sec"`
	}{rate(received, receivedBefore), rate(sent, sentBefore)})
	if err != nil {
		return raw
	}
	out := append(make(json.RawMessage, 0, len(raw)+len(text)+25), raw[:len(raw)-1]...)
	return append(append(append(out, `,"network_rate_stats":`...), text...), '}')
}

func (s *Server) statsView(ctx context.Context, m *member, _ bool) (any, error) {
	return m.samples.sample(ctx, m.source, !m.session.task.SharesHost())
}

// taskStatsView asks for all containers at once, because the engine may take a second for each.
func (s *Server) taskStatsView(ctx context.Context, m *member, _ bool) (any, error) {
	var (
		mu  sync.Mutex
		all = map[string]json.RawMessage{}
		g   errgroup.Group
	)
	for _, one := range m.session.look(ctx) {
		id := one.facts.DockerID
		if m.session.fargate() {
			id = one.id
		}
		if one.facts.DockerID == "" || one.name == PauseName && m.session.fargate() {
			continue
		}
		g.Go(func() error {
			sample, err := one.samples.sample(ctx, one.source, !m.session.task.SharesHost())
			if err != nil { // the others count nevertheless, as the agent has it
				s.log.Warn("a container's statistics", "container", one.name, "job", m.session.task.Attempt.Job, "error", err)
				sample = json.RawMessage("null")
			}
			mu.Lock()
			defer mu.Unlock()
			all[id] = sample
			return nil
		})
	}
	return all, g.Wait()
}
