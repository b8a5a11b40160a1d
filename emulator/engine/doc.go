// Package engine holds the one State there is, and is the only one that writes to it.
//
// [Engine.Update] runs a transition under one lock and answers its error; the caller keeps its stack and nothing queues.
// What a transition changed goes to the [Journal] first. The answer to the caller, the wake-up of whoever makes attempts true
// and the wake-up of those who wait for a job all come after the journal says that it is durable. So an effect is
// never seen of something that a crash could take back.
//
// Attempts that somebody has to look at are a set, not a queue: see [Engine.Attempts]. Who looks reads the newest desired
// state, so no order can be wrong, and a restart is the same code with every live attempt in the set.
//
// Time comes in here and nowhere deeper. There is one timer, armed for the earliest deadline in the state.
package engine
