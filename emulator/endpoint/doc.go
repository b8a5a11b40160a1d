// Package endpoint is what the containers of an ECS task find at http://169.254.170.2: metadata, statistics and the credentials of their role
// (runtime.md 6 and 7), as the ECS agent has it on an instance, and as Fargate has it; and the metadata of their instance.
//
// A [Server] is a handler and a register. A driver opens a [Session] for a task, adds each container when it is about to make it, and puts
// [Session.Environment] into it. What a container is like at the moment comes from its [Source], so the package knows nothing of container
// engines; how 169.254.170.2 gets to the handler (runtime.md 8) is not its business either.
//
// An emulator that restarts finds containers that run and have their addresses in their environment: [Known] reads the ids back.
//
// Credentials come from [Roles]: [Static] ones, which are good for nothing but programs that want some, or those of an [STS] beside us.
package endpoint
