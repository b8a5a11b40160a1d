// Package journal keeps the core's records in one bbolt file, so that a process that was killed can go on.
//
// The file state.db has one bucket for each kind of record, with the record's id as key and its versioned JSON as value, and a
// bucket meta with the version of the file, the instance that owns what runs, the driver that runs it, and the clock. Changes are written, not commands: reading is
// "the last one wins", and stays so when rules change.
//
// A file that is damaged is refused and not touched: before it is opened to write, all of its pages are read.
//
// One goroutine writes everything that waits as one transaction of bbolt, and with it one fsync. So many updates at a time cost
// about what one does, and nothing is told to be durable before it is on disk. An error of the disk is final: nothing after it
// is kept, and everybody who waits is told.
package journal
