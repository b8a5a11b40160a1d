// Package runner makes attempts true. It declares what a [Driver] is, and its [Runner] brings each attempt that the engine names
// to what is wanted of it: one goroutine for each that lives, which reads the newest desired state, lets the driver run, and
// hands what the driver saw back as reports.
//
// Looking at an attempt again changes nothing that is right already, so a restart is nothing special: every live attempt is looked
// at, and what a driver finds of attempts that are over is removed.
//
// # A new driver
//
// Implement Driver in a package below this one, pass runnertest.Suite, add it to emulator's newDriver and to the table in
// depend_test.go. Nothing else knows which driver there is.
package runner
