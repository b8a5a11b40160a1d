// Package runnertest is the suite that every driver passes, and what is needed to test one: a [Log] that remembers.
//
// [Suite] holds a driver to the contract of [runner.Driver]: what it reports and in which order, what stands in the log by
// then, how it takes a stop or a detach at any moment, and that it leaves nothing behind. It looks at a driver from outside
// only, so what is special about one driver is tested beside it.
//
// A driver's own test says how to make one and how to make a task do what a [Work] says:
//
//	func TestSuite(t *testing.T) {
//		runnertest.Suite(t, runnertest.Options{
//			New:  func(t *testing.T) runner.Driver { return mine.New(...) },
//			Make: func(t *testing.T, w runnertest.Work) func(*batch.Task) { ... },
//		})
//	}
package runnertest
