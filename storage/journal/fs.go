package journal

import "io"

// FS is what a journal needs of a file system. Names are paths below the journal's
// directory joined to it. It is safe for concurrent use; so are the ReadAt and Sync of a File.
type FS interface {
	// MkdirAll makes a directory and those above it, durably.
	MkdirAll(dir string) error
	// Create makes a file for reading and writing, empty if it was there.
	Create(name string) (File, error)
	// Open opens a file for reading and Sync.
	Open(name string) (File, error)
	// Truncate cuts a file and makes that durable.
	Truncate(name string, size int64) error
	Rename(from, to string) error
	Remove(name string) error
	// List gives the names in a directory, in no order.
	List(dir string) ([]string, error)
	// SyncDir makes durable which names are in a directory.
	SyncDir(dir string) error
	// Free tells what a disk has left and has in all, in bytes; -1 where that is not known.
	Free(dir string) (free, total int64, err error)
}

// File is an open file.
type File interface {
	io.ReaderAt
	io.WriterAt
	io.Closer
	// Truncate cuts the file and frees what was allocated behind its end.
	Truncate(size int64) error
	// Sync makes the file's bytes and size durable.
	Sync() error
	Size() (int64, error)
	// Preallocate reserves room up to a size, without growing the file where that is possible.
	Preallocate(size int64) error
}
