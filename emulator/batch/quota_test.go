package batch

import (
	"fmt"
	"testing"

	"pgregory.net/rapid"

	"github.com/batch-local/batch-local/emulator/api"
)

// TestQuotaShares checks over random workloads what must hold of quota shares (resources.md 4.5): nobody beyond its limits, nothing lent of what is
// reserved, and who stays within its own gets it: at once, or when the jobs that were stopped for it have ended.
func TestQuotaShares(t *testing.T) {
	const unit = "ml.m5.large"
	strategies := map[string]api.QuotaShareResourceSharingStrategy{"keeps": api.QuotaShareResourceSharingStrategyReserve, "lends": api.QuotaShareResourceSharingStrategyLend,
		"borrows": api.QuotaShareResourceSharingStrategyLendAndBorrow, "borrows2": api.QuotaShareResourceSharingStrategyLendAndBorrow}
	names := []string{"keeps", "lends", "borrows", "borrows2"}
	const own, borrow = 4, 50 // instances, and per cent of them
	rapid.Check(t, func(t *rapid.T) {
		s, ids := NewState(), &counter{}
		now := int64(1000)
		var jobs []JobID
		q := storyScope.ARN("job-queue", "q")
		do := func(f func(tx *Tx) error) {
			now += 1000
			tx := s.Begin(now, ids)
			if err := f(tx); err != nil {
				t.Fatal(err)
			}
			tx.Commit()
			if err := replayEqualsState(s); err != nil {
				t.Fatal(err)
			}
		}
		do(func(tx *Tx) error {
			tx.SetHost(Host{Ready: true})
			policy, service := storyScope.ARN("scheduling-policy", "p"), storyScope.ARN("service-environment", "se")
			errs := []error{
				tx.CreatePolicy(Policy{ARN: policy, Scope: storyScope, Name: "p", Detail: &api.SchedulingPolicyDetail{QuotaSharePolicy: &api.QuotaSharePolicy{}}}),
				tx.CreateServiceEnvironment(ServiceEnvironment{ARN: service, Scope: storyScope, Name: "se", Detail: &api.ServiceEnvironmentDetail{State: api.ServiceEnvironmentStateEnabled,
					CapacityLimits: []api.CapacityLimit{{CapacityUnit: new(unit), MaxCapacity: new(int32(own * len(names)))}}}}),
				tx.CreateQueue(Queue{ARN: q, Scope: storyScope, Name: "q", Service: service, Policy: policy, Detail: &api.JobQueueDetail{State: api.JQStateEnabled, JobQueueType: api.JobQueueTypeSagemakerTraining}}),
			}
			for i, name := range names {
				d := &api.QuotaShareDetail{State: api.QuotaShareStateEnabled, CapacityLimits: []api.QuotaShareCapacityLimit{{CapacityUnit: new(unit), MaxCapacity: new(int32(own))}},
					ResourceSharingConfiguration: &api.QuotaShareResourceSharingConfiguration{Strategy: strategies[name]},
					PreemptionConfiguration:      &api.QuotaSharePreemptionConfiguration{InSharePreemption: []api.QuotaShareInSharePreemptionState{"DISABLED", "ENABLED"}[i%2]}}
				if name == "borrows" {
					d.ResourceSharingConfiguration.BorrowLimit = new(int32(borrow))
				}
				errs = append(errs, tx.CreateQuotaShare(QuotaShare{ARN: QuotaShareARN(q, name), Scope: storyScope, Name: name, Queue: q, Detail: d}))
			}
			for _, err := range errs {
				if err != nil {
					return err
				}
			}
			return nil
		})
		submit := func(t *rapid.T) {
			in := ServiceSubmission{Scope: storyScope, Name: "j", Queue: "q", Priority: new(rapid.Int32Range(0, 2).Draw(t, "priority")), Service: Service{
				Type: api.ServiceJobTypeSagemakerTraining, InstanceType: unit, Count: rapid.Int64Range(1, 3).Draw(t, "count"), QuotaShare: rapid.SampledFrom(names).Draw(t, "share")}}
			do(func(tx *Tx) error {
				j, err := tx.SubmitService(in)
				if err == nil {
					jobs = append(jobs, j.ID)
				}
				return err
			})
		}
		end := func(j *Job) {
			do(func(tx *Tx) error {
				tx.Report(Report{Attempt: AttemptID{j.ID, j.Live().Number}, State: Exited, ExitCode: new(int32(0))})
				return nil
			})
		}
		// stopping ends what is to stop, again and again: that must come to an end.
		stopping := func() {
			for range 100 {
				left := 0
				for _, id := range jobs {
					if j := s.jobs[id]; j.Live() != nil && j.Live().Desired == Stop {
						end(j)
						left++
					}
				}
				if left == 0 {
					return
				}
			}
			t.Fatal("jobs preempt each other without end")
		}
		check := func() {
			used, reserved := map[string]int64{}, int64(0)
			total := int64(0)
			for _, id := range jobs {
				if j := s.jobs[id]; j.Live() != nil {
					used[j.Service.QuotaShare] += j.Service.Count
					total += j.Service.Count
				}
			}
			for name, n := range used {
				most := map[string]int64{"keeps": own, "lends": own, "borrows": own + own*borrow/100, "borrows2": 4 * own}[name]
				if n > most {
					t.Fatalf("%s has %d of at most %d", name, n, most)
				}
			}
			reserved = own - used["keeps"]
			if total+reserved > int64(own*len(names)) {
				t.Fatalf("%v: of the reserved %d something is lent", used, own)
			}
		}
		t.Repeat(map[string]func(*rapid.T){
			"submit": submit,
			"end": func(t *rapid.T) {
				for _, id := range jobs {
					if j := s.jobs[id]; j.Live() != nil && rapid.Bool().Draw(t, "ends") {
						end(j)
					}
				}
			},
			"prioritize": func(t *rapid.T) {
				for _, id := range jobs {
					if j := s.jobs[id]; !Ended(j.Status) && rapid.Bool().Draw(t, "changes") {
						do(func(tx *Tx) error {
							tx.PrioritizeService(tx.jobs[id], rapid.Int32Range(0, 9).Draw(t, "priority"))
							return nil
						})
					}
				}
			},
			"settle": func(t *rapid.T) {
				stopping()
				for name, head := range s.QuotaFront(s.queues.all[q]) {
					if s.withinOwn(head) {
						t.Fatalf("%s waits in %s, within its own, and nothing is stopped for it: %s", head.ID, name, fmt.Sprint(head.Waits))
					}
				}
			},
			"": func(*rapid.T) { check() },
		})
	})
}
