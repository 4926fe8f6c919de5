package storage

import "errors"

var (
	// ErrFull: the disk budget or the free-disk floor forbids to take more of this
	// node's own batches, or the disk has no room at all. It ends by itself.
	ErrFull = errors.New("storage full")
	// ErrRefused: the journal can't write now (a failed fsync that could not be mended);
	// it tries again each second.
	ErrRefused = errors.New("storage unavailable")
	// ErrNotHeld: the batch or value is not there.
	ErrNotHeld = errors.New("not held")
	// ErrDamaged: what is stored fails its checksum. It is never served.
	ErrDamaged = errors.New("damaged")
	// ErrLocked: another process has the data directory.
	ErrLocked = errors.New("data directory is in use by another process")
	// ErrClosed: the store was closed.
	ErrClosed = errors.New("storage closed")
)
