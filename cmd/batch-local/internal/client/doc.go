// Package client speaks to a running batch-local: AWS Batch and CloudWatch Logs through the AWS SDK, as any program would, and
// /_emulator/ for what these lack.
//
// Nothing asks for a job's state again and again: [Client.Wait] is answered when the state is there. Only lines of a log have to be
// asked for, because CloudWatch Logs has no call that waits for the next one.
package client
