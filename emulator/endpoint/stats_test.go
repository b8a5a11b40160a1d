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
	thirdSample  = `{"read":"2026-11-23T15:04:08Z","networks":{"eth0":{"rx_bytes":160,"tx_bytes":30},"eth1":{"rx_bytes":50,"tx_bytes":7}}}`
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
		source.stats, source.later = firstSample+"\n", []string{firstSample, secondSample + "\n", thirdSample}
		with := secondSample[:len(secondSample)-1] + `,"network_rate_stats":{"rx_bytes_per_sec":50,"tx_bytes_per_sec":10}}`
		began := time.Now()
		expect("the first answer has rates already, of two samples", "/v4/"+id+"/stats", with)
		if took := time.Since(began); took != time.Second {
			t.Errorf("it took %v, and the engine had the second sample after one", took)
		}
		began = time.Now()
		expect("a moment later it is still the same", "/v3/"+id+"/stats", with)
		if source.asked != 4 {
			t.Errorf("the engine was asked %d times", source.asked)
		}
		time.Sleep(time.Second)
		with = thirdSample[:len(thirdSample)-1] + `,"network_rate_stats":{"rx_bytes_per_sec":10,"tx_bytes_per_sec":7}}`
		expect("the next one has others", "/v4/"+id+"/stats", with)
		time.Sleep(time.Second)
		expect("the engine has nothing newer", "/v4/"+id+"/stats", with)
		expect("by id", "/v4/"+id+"/task/stats", `{"`+id+`":`+with+`}`)
		if took := time.Since(began); took != 2*time.Second {
			t.Errorf("later answers come at once; these took %v", took-2*time.Second)
		}
	})
}

// TestFirstStats does not wait without end for a second sample of a container that ends.
func TestFirstStats(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := endpoint.New(endpoint.Options{})
		source := running()
		source.stats = firstSample
		id := s.Open(onFargate(), endpoint.IDs{}).Container(endpoint.Container{Name: "default", Source: source})
		began := time.Now()
		if _, got := get(t, s.Handler(), "/v4/"+id+"/stats"); time.Since(began) != 2*time.Second || got != firstSample {
			t.Errorf("after %v it says %s", time.Since(began), got)
		}
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
