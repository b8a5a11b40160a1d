package api

import "context"

// A Caller is who asks, as the signature says, and by which request.
type Caller struct {
	Account   string // twelve digits
	Region    string
	RequestID string
	// Size is that of the body, in bytes; some limits are about it.
	Size int
}

type callerKey struct{}

// WithCaller gives a context to a service's method.
func WithCaller(ctx context.Context, c Caller) context.Context {
	return context.WithValue(ctx, callerKey{}, c)
}

// CallerFrom is the caller of a context made by WithCaller.
func CallerFrom(ctx context.Context) Caller {
	c, _ := ctx.Value(callerKey{}).(Caller)
	return c
}
