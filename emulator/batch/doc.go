// Package batch is AWS Batch without the machinery: records of job definitions, compute environments, queues and jobs, and
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
// # Tests
//
// testdata/histories tells stories: submit, report, tick, and every state and reason that follows. The property test
// runs random histories and names what must never happen.
package batch
