// Package control answers what AWS does not have: /_emulator/, health for orchestrators, and the two paths of LocalStack
// that existing Testcontainers modules and CI scripts ask. Answers and errors are JSON: {"message": "..."} with 400, 404,
// 408 or 409.
package control
