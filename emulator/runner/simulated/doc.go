// Package simulated is the driver that needs no engine: each job is a script of its outcome (interface.md 2).
//
// A job says in its environment variable [Variable] how long it takes, what it prints and how it ends, each attempt on its own
// if it likes; see [Outcome]. Without one it ends at once with exit code 0. What AWS would do around the
// outcome, retries, timeouts, events, is the rest of the emulator and the same as with real containers.
//
// Of several containers, of a task or of a pod, each says its own outcome; they wait for each other, and end with each other, as they would in ECS
// or in Kubernetes.
//
// Everything that happens to an attempt is planned when it is placed, and reported with the instant of the plan, not with
// the one at which a timer got around to it. So the times of a job are exact, however busy the machine is.
//
// All time is that of a [Clock]. An attempt holds one timer, for the next thing that it does; what prints nothing costs
// nothing between its start and its end.
//
// Attempts live in this process only (Adopts is false): the next one starts them again from the beginning, those that ran too,
// and goes on with their logs. Within the process they outlive a detached Run, as containers do.
package simulated
