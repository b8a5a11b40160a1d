package api

import "context"

// An Operation is one line of the table of operations.
type Operation struct {
	Name   string
	Method string
	// Path is the path, with {resourceArn} for the one label that there is.
	Path string
	// New makes an input to decode into.
	New func() Input
	// Call has the service answer an input that New made.
	Call func(context.Context, Service, Input) (any, error)
}

// An Input is the request of an operation.
type Input interface{ Validate() error }

func operation[In, Out any, P interface {
	*In
	Input
}](name, method, path string, call func(Service, context.Context, P) (*Out, error)) Operation {
	return Operation{
		Name: name, Method: method, Path: path,
		New: func() Input { return P(new(In)) },
		Call: func(ctx context.Context, s Service, in Input) (any, error) {
			out, err := call(s, ctx, in.(P))
			if err != nil {
				return nil, err
			}
			return out, nil
		},
	}
}
