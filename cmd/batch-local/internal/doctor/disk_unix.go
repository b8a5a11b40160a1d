//go:build linux || darwin

package doctor

import "golang.org/x/sys/unix"

// freeBytes is what a user who is not root may still write.
func freeBytes(folder string) (uint64, error) {
	var disk unix.Statfs_t
	if err := unix.Statfs(folder, &disk); err != nil {
		return 0, err
	}
	return disk.Bavail * uint64(disk.Bsize), nil
}
