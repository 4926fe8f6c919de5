package messages

// EpochDigest is what a node holds of one epoch of an origin: all from Floor to Head
// but the holes.
type EpochDigest struct {
	Epoch uint64
	// Floor is the lowest sequence that retention has not dropped here, from 1.
	Floor uint64
	// Head is the highest sequence held, or known to exist; 0 means none. Of an emptied
	// epoch it is Floor - 1.
	Head uint64
	// HeadIndex is the index of the head's last record; IndexEnd where it is not known.
	HeadIndex uint32
	// HeadHLC is the highest reading held.
	HeadHLC HLC
	// Holes are the absent runs between floor and head, ascending.
	Holes []Range
}

// Digest is what a node holds of every origin, epochs oldest first.
type Digest map[NodeID][]EpochDigest
