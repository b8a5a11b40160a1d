//go:build !unix

package command

import "os"

// resized never has a value: nobody tells here.
func resized() (<-chan os.Signal, func()) { return nil, func() {} }
