// Package docker runs attempts as containers on a Docker engine, 20.10 to 29. It is the only package that knows Docker.
//
// # How an attempt runs
//
// The image is there or is pulled, one pull for all who wait for it. The container is created with the limits that ECS gives it,
// joins a sandbox, is attached to before it starts so that no byte of output is missed, and starts. One stream of engine events
// for all containers says when something happened to one; what happened is then read by one inspect. Nothing polls
// while the engine is there. While it is not, one timer tries again.
//
// # Sandboxes
//
// A sandbox is a container of ours that pauses and holds a network namespace (decisions, behaviour 11). The tasks of a simulated
// instance share one; a Fargate task has its own, taken from a few that are made ahead of need.
//
// # What is ours
//
// Everything that is made here carries the label batch-local.instance, and nothing without it is touched. A container's name follows from its attempt, so creating
// one that an earlier process made is a conflict, and the conflict is an adoption: an attempt never has two containers.
package docker
