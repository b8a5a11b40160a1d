//go:build !linux

package relay

import "errors"

// addAddress is for containers, which are Linux's.
func addAddress(string, string) error { return errors.New("the relay runs on Linux") }
