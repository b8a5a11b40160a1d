// Package emulator is AWS Batch on this machine, as a library: [New] starts it, [Emulator.Handler] answers calls, and
// cmd/batch-local is a command around it. This page is the map.
//
// # The shape
//
// A pure core decides; a thin shell makes it true. Data flows one way: HTTP comes in, the core decides, drivers act, and what
// they saw comes back into the core as a report.
//
//	             a request                                       a container
//	                |                                                 ^
//	httpapi -> operations -> engine.Update(batch.Tx) -> runner -> runner/docker
//	                              |        ^                |     runner/simulated
//	                           journal     +---- Report ----+
//
// # The path of a SubmitJob
//
//  1. [httpapi] finds the operation by its path, decodes and validates the request, and knows account and region from its signature.
//  2. [operations] checks what AWS checks before it looks at anything, and runs a transition.
//  3. [batch] adds the job, finds it a place, and gives it an [batch.Attempt] with the desired state run. A job without a place knows why.
//  4. [engine] hands what changed to the [journal], and when that is durable lets the answer go out and the runner wake up.
//  5. [runner] reads what is wanted of the attempt now and has its driver bring it there: pull, create, attach, start.
//  6. Reports (running, exited) are transitions again: retry or end, freed capacity, the next job placed. Back to 4.
//
// # Packages
//
//	api               generated wire types, validation, the operation table and the Service interface; Error
//	batch             records, State, Tx: all of AWS Batch's behaviour, without I/O, time or chance
//	ec2               instance types: what AWS sells
//	engine            the one State, its lock, its timer; declares Journal
//	journal           changed records in a bbolt file, group commit
//	operations        implements api.Service; one file for each resource
//	httpapi           routes, decoding, errors on the wire, who may call
//	runner            declares Driver; one goroutine for each live attempt
//	runner/docker     jobs as containers on a Docker engine
//	runner/docker/relay brings 169.254.170.2 and 169.254.169.254 from beside the jobs to the endpoint
//	runner/simulated  jobs as scripts of their outcome
//	runner/runnertest the suite that every driver passes
//	endpoint          what ECS tasks find at 169.254.170.2 and 169.254.169.254: metadata, statistics, credentials of roles
//	secrets           the values that job definitions only refer to, from a file or from services beside us
//	clock             the emulator's time: the machine's, until somebody moves it
//	events            the latest changes of jobs, as EventBridge tells them
//	logs              streams of what jobs print, and the CloudWatch Logs API over them
//	seed              resources to create at the start, from a file
//	control           /_emulator/ and health
//	frames            the streams of a command in a container, on one connection
//
// depend_test.go holds the table of who may import whom, with reasons.
//
// # Where to add what
//
// An operation: see package operations. A driver: see package runner. A flag: cmd/batch-local's settings, one line in
// one table. A rule of AWS Batch: package batch, with a history that tells it.
package emulator
