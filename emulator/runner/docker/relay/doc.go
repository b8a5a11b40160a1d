// Package relay is the half of the endpoint of ECS tasks that lives beside the tasks: a program in a container of ours that listens at
// 169.254.170.2:80, and at 169.254.169.254:80 for the metadata of instances, and hands each connection on, over its standard input and output,
// to the emulator, wherever that runs. Nothing needs to be reachable over a network, nothing is published, and no address of the engine's host is
// touched, so it is the same on a laptop, in a Compose stack, with Docker Desktop and with an engine far away.
//
// The program is the emulator's own executable, copied into the container: a process whose name is [Program] is the relay and nothing else. An emulator
// that does not run on Linux carries one along (programs, made by scripts/build).
package relay

// Program is the path of the executable in its container, and what makes a process the relay.
const Program = "/batch-local-relay"

// Address is where tasks find their endpoint, InstanceAddress where they find the metadata of the instance that they run on.
const (
	Address         = "169.254.170.2"
	InstanceAddress = "169.254.169.254"
)

// port is that of both.
const port = "80"
