// Package api is the AWS Batch API as Go types: every structure, enumeration and operation of the service model, the checks
// that follow from it, and the errors that the service answers.
//
// It is generated from the AWS SDK for Go that go.mod pins, by internal/generate. Scalars are pointers, so that absent and
// zero differ; lists and maps are sent when they are empty and left out when they are nil, as the service does it.
//
// A new version of the service: `go get github.com/aws/aws-sdk-go-v2/service/batch@VERSION`, scripts/update, and a look at the
// diff. A new operation does not compile until package operations answers it or leaves it to [Unimplemented].
package api

//go:generate go run ./internal/generate
