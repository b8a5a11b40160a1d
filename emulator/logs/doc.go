// Package logs keeps what jobs print, and answers the part of the CloudWatch Logs API that people read it with, and make and remove groups with.
//
// # Streams
//
// A stream belongs to a group, a group to an account and a region. Its events are in the order in which they came, their times never go
// back, and each knows which output it came from. An event's id is its time, its stream's number and its place in the stream
// ([EventID]), so ids are unique, ordered, and the same after a restart.
//
// # Events
//
// A line is an event, unless a job's options say where events begin ([EventStart], [Writer.Join]). An event of several lines is one record and
// knows how many lines of each output it is, because whoever takes up a container after a restart counts lines.
//
// # Storage
//
// There is one file for all streams: with a folder it is kept there, without one it has no name and is gone with the process. A
// stream collects records in memory and appends them to the file as one extent when they are many, and in a folder also when
// they are read or the stream ends. So memory stays flat whatever is printed, a hundred thousand streams are not a hundred
// thousand files, and what somebody was shown survives `kill -9`. The extents of a stream, with the number and time of
// their first events, are its index.
//
// The file is frames: a mark, a kind, a length, a checksum, the content. Opening reads them in order and cuts the file off
// at the first that is not whole. A group is a frame too, once somebody says more of it than a name. What a removed stream
// held stays in the file until everything is reset.
package logs
