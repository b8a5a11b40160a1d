package endpoint_test

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/batch-local/batch-local/emulator/endpoint"
)

const (
	firstSample  = `{"read":"2026-11-23T15:04:05Z","preread":"0001-01-01T00:00:00Z","name":"/ecs-a","networks":{"eth0":{"rx_bytes":100,"tx_bytes":10}},"cpu_stats":{"big":18446744073709551615}}`
	secondSample = `{"read":"2026-11-23T15:04:07Z","networks":{"eth0":{"rx_bytes":150,"tx_bytes":30},"eth1":{"rx_bytes":50,"tx_bytes":0}}}`
)

// TestStats is runtime.md 6: Docker's words, unchanged, and the rates of a network of the task's own.
func TestStats(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := endpoint.New(endpoint.Options{})
		session := s.Open(onFargate(), endpoint.IDs{})
		source := running()
		id := session.Container(endpoint.Container{Name: "default", Source: source})
		expect := func(when, path, want string) {
			t.Helper()
			if status, got := get(t, s.Handler(), path); status != 200 || got != want {
				t.Errorf("%s: got %d %s\nwant %s", when, status, got, want)
			}
		}
		expect("nothing was sampled yet", "/v4/"+id+"/stats", "null")
		source.stats = firstSample + "\n"
		expect("a first sample has no rates", "/v4/"+id+"/stats", firstSample)
		source.stats = secondSample
		expect("a moment later it is still the same", "/v3/"+id+"/stats", firstSample)
		if source.asked != 2 {
			t.Errorf("the engine was asked %d times", source.asked)
		}
		time.Sleep(time.Second)
		with := secondSample[:len(secondSample)-1] + `,"network_rate_stats":{"rx_bytes_per_sec":50,"tx_bytes_per_sec":10}}`
		expect("the next one has", "/v4/"+id+"/stats", with)
		time.Sleep(time.Second)
		expect("the engine has nothing newer", "/v4/"+id+"/stats", with)
		expect("by id", "/v4/"+id+"/task/stats", `{"`+id+`":`+with+`}`)
	})
}

// TestTaskStats has the engine's ids on EC2, and no rates where the instance's network is shared. One container's failure is null.
func TestTaskStats(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := endpoint.New(endpoint.Options{})
		session := s.Open(onEC2(), endpoint.IDs{})
		source := running()
		id := session.Container(endpoint.Container{Name: "default", Source: source})
		for _, sample := range []string{firstSample, secondSample} {
			source.stats = sample
			if diff := cmp.Diff(map[string]any{"d0c0": parsed(t, sample)}, object(t, s.Handler(), "/v4/"+id+"/task/stats")); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			time.Sleep(2 * time.Second)
		}
		source.stats = "no JSON"
		if _, got := get(t, s.Handler(), "/v4/"+id+"/task/stats"); got != `{"d0c0":null}` {
			t.Errorf("got %s", got)
		}
		source.err = errors.New("gone")
		if status, got := get(t, s.Handler(), "/v4/"+id+"/stats"); status != 500 || got != `"Unable to get container stats for: default"` {
			t.Errorf("got %d %s", status, got)
		}
	})
}
