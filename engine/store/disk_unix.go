//go:build linux || darwin || freebsd

package store

import "golang.org/x/sys/unix"

// FreeDisk returns how many bytes can still be written where the folder is, and
// false where the system does not say.
func FreeDisk(dir string) (int64, bool) {
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return 0, false
	}
	return int64(st.Bavail) * int64(st.Bsize), true //nolint:unconvert // the types differ from system to system
}
