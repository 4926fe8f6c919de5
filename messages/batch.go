package messages

const (
	// MaxBatchRecords is the most records of a batch.
	MaxBatchRecords = 1024
	// MaxBatchBytes is the most payload of a batch of several records, before compression.
	MaxBatchBytes = 256 << 10
)

const (
	// MaxSequence is the highest sequence of a batch, MaxEpoch the highest epoch: no sum with either runs over, and
	// neither is reached in a million years.
	MaxSequence = 1 << 56
	MaxEpoch    = 1 << 56
)

// BatchID names a batch.
type BatchID struct {
	Origin   NodeID
	Epoch    uint64
	Sequence uint64
}

// End is the place after the last record of the batch, whatever its count.
func (id BatchID) End() Position { return Position{id.Origin, id.Epoch, id.Sequence, IndexEnd} }

// String is "<origin>-<epoch>-<sequence>".
func (id BatchID) String() string {
	text := Position{id.Origin, id.Epoch, id.Sequence, 0}.String()
	return text[:len(text)-len("-0")]
}

// Hash is a BLAKE3-256 digest.
type Hash [32]byte

// Header says what a sealed batch is, without its records.
type Header struct {
	Origin   NodeID
	Epoch    uint64
	Sequence uint64
	// First and Last are the readings of the first and the last record. Sealing reads
	// the clock once: record i has First + i.
	First, Last HLC
	// Count is the number of records, 1 to MaxBatchRecords.
	Count uint32
	// Prior is, in the first batch of an epoch, where the origin's line stood before;
	// zero in all others, and in the first batch of an origin.
	Prior Position
	// Previous is the hash of the header before it in the epoch; zero in the first.
	Previous Hash
	// Root is the hash over one hash per group, in order.
	Root Hash
}

// ID is the batch's name.
func (h *Header) ID() BatchID { return BatchID{h.Origin, h.Epoch, h.Sequence} }

// Position is the batch's position: its last record's.
func (h *Header) Position() Position {
	return Position{h.Origin, h.Epoch, h.Sequence, h.Count - 1}
}

// Batch is a run of records that one origin sealed together, grouped by stream in
// order of name, in order of arrival within each. It is immutable and may be shared.
type Batch struct {
	Header
	Groups []Group
}

// Group is a batch's records of one stream.
type Group struct {
	Stream  Stream
	Records []Record
}

// Group finds a stream's group by name; nil when the batch has none.
func (b *Batch) Group(stream Stream) *Group {
	low, high := 0, len(b.Groups)
	for low < high {
		mid := int(uint(low+high) >> 1)
		if b.Groups[mid].Stream < stream {
			low = mid + 1
		} else {
			high = mid
		}
	}
	if low < len(b.Groups) && b.Groups[low].Stream == stream {
		return &b.Groups[low]
	}
	return nil
}
