// Package control answers what AWS does not have: /_emulator/, health for orchestrators, and the two paths of LocalStack
// that existing Testcontainers modules and CI scripts ask. This is the reference of these calls.
//
// They need no signature. Answers and errors are JSON; errors are {"message": "..."} with 400 (a bad request), 403 (another site or host name), 404
// (no such job, instance or path), 405, 408 (not in time), 409 (not as things are) or 503 (the server ends, or its disk fails). Durations are Go's:
// 90s, 1h30m. Members that are not named here are refused. Calls that take account and region (&account=000000000000&region=us-east-1) are about all
// without them.
//
// # Waiting
//
// GET /_emulator/wait?job=ID answers the job, as DescribeJobs shows it, when it has ended. ID is that of SubmitJob, with :0 for a child of an array and #0 for
// a node.
//   - until: SUBMITTED, PENDING, RUNNABLE, STARTING, RUNNING, SUCCEEDED, FAILED or ENDED (the default). A later status counts too, and the end always does,
//     so until=SUCCEEDED also answers a job that FAILED: look at its status.
//   - timeout: how long at the most, up to 24h, 30s if nothing is said. Then it is 408.
//   - Without job it answers {} when no job is on its way, of an account and region if they are given. An empty job is refused.
//
// GET /_emulator/why?job=ID says why a job is not further than it is: {"status", "reason", "obstacles": [{"kind", "needs", "has", "where"}]}. The
// reason is for people. has is what is free, or all that there can be, in vCPUs, MiB, instances or units; where is an ARN, a job or an instance.
//
// GET /_emulator/events?account=&region= follows each change of a job as server-sent events, which are EventBridge's. It begins with what comes next;
// with Last-Event-ID: N with what came after that id, and 0 is all that is kept. past=true answers all that is kept, and ends.
//
// # The clock
//
// GET /_emulator/clock answers {"now", "offset", "frozen"}: the emulator's time, how far it is from the machine's, and whether it stands. The API's time
// stamps, timeouts, simulated jobs, retention and --lifelike go by it.
//
// POST /_emulator/clock takes
//   - {"advance": "90m"} or {"set": "2030-03-29T00:59:00Z"}, never backwards (409). All that is due by then happens in order, and has happened when the
//     call answers.
//   - {"frozen": true} has the clock stand, {"frozen": false} run on from where it stands. Either may be said together with a move.
//
// Containers do not live in the emulator's time: they run on while it is moved, and nothing of theirs is quicker. Those that are stopped on the way, by a timeout
// or a termination, are waited for: the call then takes as long as their stop, at the most their stop time (30 s unless they say otherwise) and 10 s. Meanwhile the
// clock runs, up to where it is moved, so that they have stopped after their timeout and what their stop took.
//
// # What becomes of jobs
//
// GET answers a list, PUT replaces it by another and answers that, DELETE empties it. What is in it counts until then, or a reset; it is not kept over a restart.
//
// /_emulator/holds has [{"match": {...}, "state": "RUNNABLE"}]: jobs that match stay in that state, SUBMITTED, PENDING, RUNNABLE, STARTING or RUNNING, when
// they come to it. Cancelling, terminating and timeouts act on them as on others.
//
// /_emulator/outcomes has [{"match": {...}, "outcome": {...}}], for --driver simulated alone (else 409): the first that matches says how a job ends. The job's own
// variable BATCH_LOCAL_OUTCOME, the same object as text, comes before them.
//
// The members of match, of which all that are given must fit, and {} is every job:
//   - jobName, jobQueue (name or ARN), jobDefinition (name, name:revision or ARN), image; * in them stands for any text
//   - arrayIndex of a child, nodeIndex of a node
//   - attempt, the number of the attempt that is, or would be, run; the first is 1
//
// The members of outcome; a list is for each attempt, and its last value repeats:
//   - startDelay, duration: how long it is STARTING, and RUNNING
//   - exitCode (or a list): 0 to 255
//   - reason (or a list): the container's reason
//   - oom (or a list): it ends as a memory kill, with 137
//   - startError (or a list): it does not start, for this reason; "" starts
//   - hostLost (or a list): its instance is lost
//   - logs: a list of lines, spread over the duration
//   - ignoreStop: SIGTERM does nothing, and the stop time passes; stopExitCode: with what SIGTERM ends it, 143
//
// POST /_emulator/reclaim takes {"instanceId": "i-..."} or {"job": "ID"} and takes the instance away, or what the job runs on, as a Spot interruption does.
// 409 is a job that runs on nothing.
//
// # State
//
// POST /_emulator/reset stops what runs and removes everything, or what is of an account and region; without them also holds, outcomes and what became of the clock.
//
// GET /_emulator/info answers version, instance, driver, engine (state, version, endpoint, reason), addresses, account, region, limits (requestBytes,
// memoryMiB, vcpus), dataDir, podLogs and clock.
//
// GET /livez answers 200 as long as there is a process, GET /readyz unless the disk of --data-dir failed. /_localstack/health and /_localstack/init are
// LocalStack's.
//
// # Commands in containers
//
// POST or GET /_emulator/exec?job=ID&container=NAME&command=WORD&command=WORD&tty=1&stdin=1, with Connection: Upgrade and Upgrade: batch-local-exec, runs a
// command in a container of a running job. Without container it is the first that runs, without tty=1 there is no terminal, without stdin=1 no
// input. After 101 the connection carries frames both ways (package frames): input, its end and sizes of the terminal to us, both outputs back, and at
// last the exit code, or why there is none. Closing the connection ends the command. Before 101, 404 is an unknown job or container, 409 a job that
// does not run or whose driver has no containers.
//
// GET /_emulator/reproduce?job=ID answers {"docker": [[WORD, ...]], "aws": [[WORD, ...]], "notes": [...]}: commands that do what the job does without us.
package control
