package batch

// Multi-node parallel jobs (jobs.md 7). The parent is what waits and is placed: all nodes or none. Its status and its attempts are those
// of the main node, which starts first; the others follow when it runs, and are stopped when it ends. Nodes are jobs too, each
// on an instance of its own, and they are what drivers run.

// placeNodes starts the main node and keeps room for the others.
//
// hosts are their instances; nil where those are not ours to count.
func (tx *Tx) placeNodes(j *Job, e *Environment, hosts []HostID) {
	a := &Attempt{Number: len(j.Attempts) + 1, Environment: e.ARN, Cluster: e.Cluster(), PlacedAt: tx.now, Takes: tx.consume(j)}
	j = tx.setStatus(j, Starting, "", func(j *Job) {
		j.Attempts = append(j.Attempts[:len(j.Attempts):len(j.Attempts)], a)
		n := *j.Nodes
		n.Hosts = hosts
		j.Nodes = &n
	})
	main := tx.launch(j, e, j.Nodes.Main)
	tx.reserve(j, j.MilliVCPU-main.MilliVCPU)
}

func (tx *Tx) reserve(j *Job, milli int64) *Job {
	return tx.change(j, func(j *Job) {
		n := *j.Nodes
		n.Reserved = milli
		j.Nodes = &n
	})
}

// launch starts a node, for the first time or again.
//
// Guess: a node that an earlier attempt of the job had ended begins anew under its id.
func (tx *Tx) launch(parent *Job, e *Environment, index int32) *Job {
	id := parent.ID.Node(index)
	j := tx.jobs[id]
	if j == nil {
		j = &Job{
			ID: id, Number: parent.Number, Scope: parent.Scope, Name: parent.Name, Queue: parent.Queue, Definition: parent.Definition,
			Status: Submitted, CreatedAt: tx.now,
		}
		n, _ := tx.blueprintOf(parent).node(index).needs(EC2) // the whole job was sized when it was submitted
		j.MilliVCPU, j.MemoryMiB, j.GPUs = n.milli, n.mib, n.gpus
		tx.put(nil, j)
		tx.tell(j, "")
	} else {
		j = tx.setStatus(j, Submitted, "", func(j *Job) { j.StartedAt, j.StoppedAt = 0, 0 })
	}
	if hosts := parent.Nodes.Hosts; int(index) < len(hosts) {
		return tx.try(j, e, hosts[index])
	}
	return tx.try(j, e, tx.NewHost())
}

// leave gives the instances of a job's nodes back that have no node any more.
func (tx *Tx) leave(parent *Job) {
	for _, host := range parent.Nodes.Hosts {
		if tx.loads[host] == nil {
			tx.disown(host)
		}
	}
}

// nodeStarted: the job runs when its main node does, and then the other nodes start.
func (tx *Tx) nodeStarted(node *Job) {
	parent := tx.jobs[node.ID.Parent()]
	if parent == nil || parent.Live() == nil || node.ID.index() != parent.Nodes.Main {
		return
	}
	a := node.Attempt()
	parent = tx.changeAttempt(parent, false, func(is *Attempt) {
		is.State, is.StartedAt = Running, a.StartedAt
		if t := tx.timeoutOf(parent); t > 0 && is.Desired == Run {
			is.Deadline = a.StartedAt + t*1000
		}
	})
	parent = tx.setStatus(parent, RunningOn, "", func(j *Job) { j.StartedAt = a.StartedAt })
	parent = tx.reserve(parent, 0)
	e := tx.environments.all[a.Environment]
	if a.Desired == Stop || e == nil {
		return
	}
	for i := range parent.Nodes.Count {
		if i != parent.Nodes.Main {
			tx.launch(parent, e, i)
		}
	}
}

// nodeEnded: the end of the main node is that of the job, or of its attempt; that of another changes nothing for it.
func (tx *Tx) nodeEnded(node *Job) {
	if a := node.Attempt(); a.succeeded() {
		tx.finish(node, Succeeded)
	} else {
		tx.finish(node, Failed)
	}
	parent := tx.jobs[node.ID.Parent()]
	if parent != nil && Ended(parent.Status) {
		tx.leave(parent)
	}
	if parent == nil || Ended(parent.Status) {
		return
	}
	if node.ID.index() == parent.Nodes.Main && parent.Live() != nil {
		parent = tx.mainEnded(parent, tx.jobs[node.ID].Attempt())
	}
	if parent.Live() == nil {
		tx.leave(parent)
	}
	f := tx.familyOf(parent.ID)
	if !Ended(parent.Status) && parent.Live() == nil && f.ended() == f.members() {
		tx.setStatus(parent, Runnable, "", nil) // all have gone: once more
	}
}

// mainEnded closes the job's attempt and stops the nodes that are left. What they end with counts for them alone.
func (tx *Tx) mainEnded(parent *Job, main *Attempt) *Job {
	parent = tx.changeAttempt(parent, false, func(a *Attempt) {
		a.State, a.Deadline = Exited, 0
		a.StartedAt, a.StoppedAt, a.ExitCode, a.Reason, a.StatusReason = main.StartedAt, main.StoppedAt, main.ExitCode, main.Reason, main.StatusReason
		a.Containers = main.Containers
		if a.Cause == "" {
			a.Cause = main.Cause
		}
	})
	parent = tx.reserve(parent, 0)
	tx.giveBack(parent.Attempt())
	for node := range tx.Members(parent, 0) {
		if node.Live() != nil {
			tx.changeAttempt(node, true, func(a *Attempt) { a.Desired = Stop })
		}
	}
	tx.decide(parent)
	return tx.jobs[parent.ID]
}

// mainOf is the attempt of the main node that an attempt of the job stands for; nil if it is not known.
func (s *State) mainOf(parent *Job, number int) *Attempt {
	main := s.jobs[parent.ID.Node(parent.Nodes.Main)]
	if main == nil || number > len(main.Attempts) {
		return nil
	}
	return main.Attempts[number-1]
}
