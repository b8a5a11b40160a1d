// Package httpapi is the AWS Batch API's transport: it finds the operation, knows the caller, decodes and validates the request,
// calls the service and writes the answer. It is the only place that writes an error of that API.
//
// A request that is refused before an operation is found (unknown path, no signature) is refused as the gateway in front of the
// service does. Everything a caller gets wrong is a 4xx: SDKs retry a 5xx for minutes.
package httpapi
