package operations

import (
	"slices"

	"github.com/batch-local/batch-local/emulator/api"
	"github.com/batch-local/batch-local/emulator/batch"
)

// Jobs of pods, as DescribeJobs shows them: eksProperties (jobs.md 17, runtime.md 5.4).

// A podKey tells the containers of a pod apart.
type podKey struct {
	name string
	init bool
}

// podEnds are the results of an attempt's containers, once it has ended.
func podEnds(a *batch.Attempt) map[podKey]batch.ContainerEnd {
	all := map[podKey]batch.ContainerEnd{}
	if a != nil {
		for _, e := range a.Containers {
			all[podKey{e.Name, e.Init}] = e
		}
	}
	return all
}

// podDetail is the definition with overrides, and with the newest attempt's pod, node and results.
func podDetail(state *batch.State, j *batch.Job, p *api.EksPodProperties) *api.EksPodPropertiesDetail {
	if p == nil {
		return nil
	}
	a := j.Attempt()
	end := podEnds(a)
	d := &api.EksPodPropertiesDetail{
		Containers: podContainers(p.Containers, false, end), InitContainers: podContainers(p.InitContainers, true, end), DnsPolicy: p.DnsPolicy,
		HostNetwork: p.HostNetwork, ImagePullSecrets: p.ImagePullSecrets, Metadata: p.Metadata, ServiceAccountName: p.ServiceAccountName,
		ShareProcessNamespace: p.ShareProcessNamespace, Volumes: list(p.Volumes),
	}
	if a != nil {
		pod := state.PodOf(j, a)
		d.PodName, d.NodeName = &pod.Name, &pod.NodeName
	}
	return d
}

func podContainers(given []api.EksContainer, init bool, end map[podKey]batch.ContainerEnd) []api.EksContainerDetail {
	all := make([]api.EksContainerDetail, 0, len(given))
	for _, c := range given {
		e := end[podKey{api.Value(c.Name), init}]
		all = append(all, api.EksContainerDetail{
			Args: list(c.Args), Command: c.Command, Env: list(c.Env), Image: c.Image, ImagePullPolicy: c.ImagePullPolicy, Name: c.Name,
			Resources: c.Resources, SecurityContext: c.SecurityContext, VolumeMounts: list(c.VolumeMounts), ExitCode: e.ExitCode, Reason: optional(&e.Reason),
		})
	}
	return all
}

// podAttempt is an attempt that ended. Kubernetes' times are of whole seconds.
func podAttempt(state *batch.State, j *batch.Job, a *batch.Attempt) api.EksAttemptDetail {
	pod := state.PodOf(j, a)
	d := api.EksAttemptDetail{
		Containers: []api.EksAttemptContainerDetail{}, InitContainers: []api.EksAttemptContainerDetail{}, PodName: &pod.Name, NodeName: &pod.NodeName,
		PodNamespace: optional(&pod.Namespace), StartedAt: wholeSeconds(a.StartedAt), StoppedAt: wholeSeconds(a.StoppedAt), StatusReason: optional(&a.StatusReason),
	}
	if a.Cluster != "" {
		d.EksClusterArn = new("arn:" + j.Scope.Partition() + ":eks:" + j.Scope.Region + ":" + j.Scope.Account + ":cluster/" + a.Cluster)
	}
	end := podEnds(a)
	of := func(containers []api.EksContainer, init bool) []api.EksAttemptContainerDetail {
		all := make([]api.EksAttemptContainerDetail, 0, len(containers))
		for _, c := range containers {
			e := end[podKey{api.Value(c.Name), init}]
			is := api.EksAttemptContainerDetail{Name: c.Name, ExitCode: e.ExitCode, Reason: optional(&e.Reason)}
			if e.ID != "" {
				is.ContainerID = new("containerd://" + e.ID)
			}
			all = append(all, is)
		}
		return all
	}
	d.Containers, d.InitContainers = of(pod.Properties.Containers, false), of(pod.Properties.InitContainers, true)
	return d
}

// podsOf says whether the nodes of a multi-node job are pods; they are all or none.
func podsOf(n *api.NodeProperties) bool {
	return slices.ContainsFunc(n.NodeRangeProperties, func(r api.NodeRangeProperty) bool { return r.EksProperties != nil })
}

func wholeSeconds(ms int64) *int64 {
	if ms == 0 {
		return nil
	}
	return new(ms / 1000 * 1000)
}
