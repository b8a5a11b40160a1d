// Package docker runs attempts as containers on a Docker engine, 20.10 to 29. It is the only package that knows Docker.
//
// # How an attempt runs
//
// An attempt is a run (run.go), each of its containers a unit (unit.go) that goes its way in a goroutine of its own. What units wait for of each
// other, and whose end decides, are functions without the engine (order.go, verdict.go).
//
// The image is there or is pulled, one pull for all who wait for it. The container is created with the limits that ECS gives it (create.go),
// joins a sandbox, is attached to before it starts so that no byte of output is missed, and starts. One stream of engine events
// for all containers says when something happened to one; what happened is then read by one inspect. Nothing polls
// while the engine is there. While it is not, one timer tries again.
//
// # Sandboxes
//
// A sandbox is a container of ours that pauses and holds a network namespace (decisions, behaviour 11). The tasks of a simulated
// instance share one; a Fargate task, a node and a pod without the host's network have their own, the first kind taken from a few that are made ahead of
// need. What only a task shares beside its network, processes or memory, is held by another such container (share.go). A sandbox that somebody else ended is a
// lost host.
//
// # The endpoint of tasks
//
// Every sandbox has a route to 169.254.170.2 by way of a container of ours that has that address. In it runs a relay (package relay), whose connections come
// to this process through the engine, over the streams of an exec (relay.go). So nothing is published, no address of the engine's host is used, several emulators
// share an engine, and the engine may be anywhere. Package endpoint answers.
//
// # Volumes
//
// The instances of a compute environment have a disk, and a file system is one too: Docker volumes that outlive jobs, of which a job sees folders (volumes.go). A task's
// own volumes go with it. Only what the user maps is a real folder.
//
// # What is ours
//
// Everything that is made here carries the label batch-local.instance, and nothing without it is touched. A container's name follows from its task, so creating
// one that an earlier process made is a conflict, and the conflict is an adoption: a container of an attempt never exists twice.
package docker
