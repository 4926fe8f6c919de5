package state

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// reserve has the disk keep room for what the store will grow by, so that on a full disk small values can still be changed: a node that
// is started again there must store its epoch. Without room, or where the file system can't, it does nothing.
func reserve(path string) {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return
	}
	defer func() { _ = f.Close() }() // nothing was written
	info, err := f.Stat()
	if err != nil {
		return
	}
	for {
		if err := unix.Fallocate(int(f.Fd()), unix.FALLOC_FL_KEEP_SIZE, 0, info.Size()+reserved); !errors.Is(err, unix.EINTR) {
			return
		}
	}
}
