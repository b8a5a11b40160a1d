package relay

import "io"

// carried is a relay for another machine than this one: on Linux there is none, because this executable is one.
func carried(string) (program io.ReadCloser, size int64, ok bool) { return nil, 0, false }
