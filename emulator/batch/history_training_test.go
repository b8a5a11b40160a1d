package batch

import (
	"slices"
	"strings"

	"github.com/batch-local/batch-local/emulator/api"
)

// training are the commands about service jobs.
func (s *story) training(tx *Tx, c command) error {
	switch c.verb {
	case "service":
		return tx.CreateServiceEnvironment(ServiceEnvironment{ARN: storyScope.ARN("service-environment", c.name), Scope: storyScope, Name: c.name,
			Detail: &api.ServiceEnvironmentDetail{State: api.ServiceEnvironmentStateEnabled, CapacityLimits: limits(c)}})
	case "quota":
		queue := storyScope.ARN("job-queue", c.args["queue"])
		sharing := &api.QuotaShareResourceSharingConfiguration{Strategy: api.QuotaShareResourceSharingStrategy(c.args["strategy"])}
		if b := c.args["borrow"]; b != "" {
			sharing.BorrowLimit = new(int32(atoi(b, 0)))
		}
		preemption := &api.QuotaSharePreemptionConfiguration{InSharePreemption: api.QuotaShareInSharePreemptionStateDisabled}
		if slices.Contains(c.rest, "preempts") {
			preemption.InSharePreemption = api.QuotaShareInSharePreemptionStateEnabled
		}
		var list []api.QuotaShareCapacityLimit
		for _, l := range limits(c) {
			list = append(list, api.QuotaShareCapacityLimit(l))
		}
		return tx.CreateQuotaShare(QuotaShare{ARN: QuotaShareARN(queue, c.name), Scope: storyScope, Name: c.name, Queue: queue,
			Detail: &api.QuotaShareDetail{State: api.QuotaShareStateEnabled, CapacityLimits: list, ResourceSharingConfiguration: sharing, PreemptionConfiguration: preemption}})
	case "train":
		v := Service{Type: api.ServiceJobTypeSagemakerTraining, InstanceType: c.args["type"], Count: int64(atoi(c.args["count"], 1)), QuotaShare: c.args["quota"]}
		if v.InstanceType == "" {
			v.InstanceType = "ml.m5.large"
		}
		if r := c.args["requeues"]; r != "" {
			v.Requeues = new(int32(atoi(r, 0)))
		}
		if a := c.args["attempts"]; a != "" {
			v.Retry = &api.ServiceJobRetryStrategy{Attempts: new(int32(atoi(a, 1)))}
		}
		in := ServiceSubmission{Scope: storyScope, Name: c.name, Queue: c.args["queue"], Service: v, Share: c.args["share"]}
		if p := c.args["priority"]; p != "" {
			in.Priority = new(int32(atoi(p, 0)))
		}
		j, err := tx.SubmitService(in)
		if err != nil {
			return err
		}
		s.jobs[c.name], s.names[j.ID] = j.ID, c.name
	case "prioritize":
		tx.PrioritizeService(tx.jobs[s.id(c.name)], int32(atoi(c.rest[0], 0)))
	}
	return nil
}

// limits reads limits=ml.m5.large:4,ml.p3.2xlarge:1.
func limits(c command) (list []api.CapacityLimit) {
	for word := range strings.SplitSeq(c.args["limits"], ",") {
		unit, n, _ := cutLast(word, ":")
		list = append(list, api.CapacityLimit{CapacityUnit: &unit, MaxCapacity: new(int32(atoi(n, 0)))})
	}
	return list
}
