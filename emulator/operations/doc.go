// Package operations answers the API: it checks the shape of a request, makes domain values of it, runs one transition or
// reads the state, and makes wire values of what came out. One file for each resource; no rule about states lives here.
//
// Adding an operation: write the method of [api.Service] in the file of its resource (the compiler finds it instead of the
// embedded api.Unimplemented), a test through the SDK client, and its line in the README's table by running scripts/update.
package operations
