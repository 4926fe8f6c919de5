package placement

import (
	"encoding/binary"

	"github.com/zeebo/blake3"

	"anode/messages"
)

// sourceKey and nodeKey are places in one space of hashes: the first 64 bits of the BLAKE3 hash of the
// kind, "/" and the name. They are the same on every node and in every version, or two versions in one mesh
// would disagree about every source.
func sourceKey(name string) uint64 { return hash("source/", name) }

func nodeKey(id messages.NodeID) uint64 { return hash("node/", string(id)) }

func hash(kind, name string) uint64 {
	var room [192]byte
	sum := blake3.Sum256(append(append(room[:0], kind...), name...))
	return binary.BigEndian.Uint64(sum[:8])
}

// weight is the random weight of a source on a node. It is SplitMix64's last step (Steele, Lea, Flood,
// "Fast splittable pseudorandom number generators", 2014, with Stafford's 13th constants) over both keys: every bit
// of it depends on every bit of them, and as it is a bijection two nodes weigh the same for a source only
// if their keys are equal.
func weight(source, node uint64) uint64 {
	x := source ^ node
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}
