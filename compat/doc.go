// Package compat tries batch-local as its users do: foreign clients, the built binary, real containers. A client that is not on the
// machine is a skip with the reason. Each file is also an example of its client.
package compat
