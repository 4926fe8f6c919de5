package storage

import "iter"

// State is the small, transactional store beside the journal: buckets of keys. Each
// value carries a checksum. All methods are safe for concurrent use and block for disk.
type State interface {
	// Get gives a value that the caller owns; ErrNotHeld, or ErrDamaged when it fails its checksum.
	Get(bucket, key string) ([]byte, error)
	// Put makes all changes or none, durable on return.
	Put(changes ...Change) error
	// Each yields the pairs of a bucket in order of key; a damaged value comes with ErrDamaged
	// in its Err and is not given.
	Each(bucket string) iter.Seq[Pair]
	// Close releases the store.
	Close() error
}

// Change sets a key, or deletes it where Value is nil.
type Change struct {
	Bucket, Key string
	Value       []byte
}

// Pair is one stored value.
type Pair struct {
	Key   string
	Value []byte
	Err   error
}
