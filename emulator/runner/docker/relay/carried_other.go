//go:build !linux

package relay

import (
	"embed"
	"io"
)

//go:embed programs
var programs embed.FS

// carried is the relay for an engine's architecture, if scripts/build put it here.
func carried(arch string) (program io.ReadCloser, size int64, ok bool) {
	f, err := programs.Open("programs/linux-" + arch)
	if err != nil {
		return nil, 0, false
	}
	is, err := f.Stat()
	if err != nil {
		f.Close()
		return nil, 0, false
	}
	return f, is.Size(), true
}
