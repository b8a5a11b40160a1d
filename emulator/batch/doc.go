// Package batch is AWS Batch without the machinery: records of job definitions, environments, queues, policies and jobs, and
// the transitions between their states. It decides everything and does nothing: no I/O, no goroutine, no clock, no chance.
// What time it is and what an id looks like come in with each transaction.
//
// # How it works
//
// A [State] holds records and indexes. Every index is a function of the records: [State.apply] takes a record from its old
// value to its new one and moves the index entries with it. Rolling a transaction back is the same call with the values
// exchanged, and reading a journal is the same call with no old value.
//
// A [Tx] is one transition. It clones a record when it first touches it, so a record that a reader holds never changes.
// Before it commits it places waiting jobs (see place.go). What it changed, which attempts somebody has to look at and which
// jobs changed their status come out of [Tx.Commit].
//
// An [Attempt] has a desired state (run or stop) that the core writes and an observed one that [Tx.Report] writes. Nothing
// is a command: whoever makes attempts true reads the newest desired state.
//
// # Who comes next, and where
//
// line.go has the order in which the jobs of a queue are taken, share.go what shares have used; place.go finds the environment, fleet.go and
// instance.go the instance in it; consumable.go lets jobs pass one whose resources are not free; service_job.go divides service environments
// among quota shares. What stands in a job's way is an [Obstacle], and [State.Why] tells it.
//
// # Tests
//
// testdata/histories tells stories: submit, report, tick, and every state and reason that follows. The property tests
// run random histories and name what must never happen; TestAsTheReferenceSays foretells each placement of a random workload by
// a slow and obvious reading of the order.
package batch
