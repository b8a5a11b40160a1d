// Package control answers what AWS does not have: /_emulator/, health for orchestrators, and the two paths of LocalStack
// that existing Testcontainers modules and CI scripts ask. Answers and errors are JSON: {"message": "..."} with 400, 404,
// 408 or 409.
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
