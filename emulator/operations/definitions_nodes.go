package operations

import (
	"github.com/batch-local/batch-local/emulator/api"
	"github.com/batch-local/batch-local/emulator/batch"
)

// Multi-node parallel definitions (jobs.md 7.1).

// maxRanges is how many node ranges a definition may have.
const maxRanges = 5

func checkNodes(in *api.RegisterJobDefinitionInput) error {
	n := in.NodeProperties
	switch p := platformOf(in.PlatformCapabilities); {
	case p == batch.Fargate:
		return api.Invalid("Fargate does not support MNP jobs")
	case p == managedInstances:
		return api.Invalid("MANAGED_INSTANCES does not support MNP jobs")
	case n == nil:
		return api.Invalid("Node properties of multinode job is required.")
	case in.ContainerProperties != nil || in.EcsProperties != nil || in.EksProperties != nil:
		// Guess: the text was not seen.
		return api.Invalid("containerProperties, ecsProperties and eksProperties are not applicable for multinode jobs.")
	case api.Value(n.NumNodes) < 1 || api.Value(n.NumNodes) > batch.MaxNodes:
		return api.Invalid("Number of nodes must be between 1 and %d.", batch.MaxNodes)
	case api.Value(n.MainNode) < 0 || api.Value(n.MainNode) >= api.Value(n.NumNodes):
		return api.Invalid("Main node index is out of range, must be less than numNodes.")
	case len(n.NodeRangeProperties) > maxRanges:
		return api.Invalid("Maximum allowed size of node range properties is %d", maxRanges)
	}
	covered := make([]bool, *n.NumNodes)
	pods := 0
	for _, r := range n.NodeRangeProperties {
		if r.EksProperties != nil {
			pods++
		}
		if err := checkRange(r, covered); err != nil {
			return err
		}
	}
	if pods > 0 && pods < len(n.NodeRangeProperties) {
		// Guess: no compute environment could run both kinds; the text was not seen.
		return api.Invalid("Node ranges with eksProperties cannot be mixed with others.")
	}
	for i, is := range covered {
		if !is {
			// Guess: the rule was measured, its text was not recorded.
			return api.Invalid("Node range properties must cover all nodes, node %d is not covered.", i)
		}
	}
	return nil
}

// checkRange looks at one range and marks the nodes that it holds.
func checkRange(r api.NodeRangeProperty, covered []bool) error {
	target := api.Value(r.TargetNodes)
	first, last, err := batch.NodeRange(target, int32(len(covered)))
	container, ecs, eks := r.Container != nil, r.EcsProperties != nil, r.EksProperties != nil
	switch {
	case err != nil:
		return wire(err)
	case first > last || int(last) >= len(covered):
		// Guess: the rule was measured, its text was not recorded.
		return api.Invalid("Node range %s is out of range, must be less than numNodes.", target)
	case !container && !ecs && !eks:
		return api.Invalid("Must specify container for node range %s", target)
	case container && (ecs || eks):
		return api.Invalid("NodeRangeProperties can not use both ecsProperties and container fields")
	case ecs && eks:
		return api.Invalid("Cannot use both ecsProperties and eksProperties")
	case len(r.InstanceTypes) > 0 && !ecs:
		return api.Invalid("Using instanceTypes with nodeRangeProperty is only allowed for ecsProperties jobs.")
	case len(r.InstanceTypes) > 1:
		// Guess: the limit is documented; the text was not seen.
		return api.Invalid("Maximum allowed size of instanceTypes is 1")
	}
	for i := first; i <= last; i++ {
		covered[i] = true
	}
	return firstOf(
		checkConsumables(r.ConsumableResourceProperties),
		checkContainer(batch.EC2, r.Container),
		checkTasks(batch.EC2, r.EcsProperties),
		checkPods(r.EksProperties),
	)
}

func filledNodes(given *api.NodeProperties) *api.NodeProperties {
	n := *given
	n.NodeRangeProperties = make([]api.NodeRangeProperty, 0, len(given.NodeRangeProperties))
	for _, r := range given.NodeRangeProperties {
		switch {
		case r.Container != nil:
			r.Container = filledContainer(batch.EC2, r.Container)
		case r.EcsProperties != nil:
			r.EcsProperties = filledTasks(batch.EC2, r.EcsProperties)
		case r.EksProperties != nil:
			r.EksProperties = filledPod(r.EksProperties)
		}
		n.NodeRangeProperties = append(n.NodeRangeProperties, r)
	}
	return &n
}
