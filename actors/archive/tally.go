package archive

import (
	"maps"

	"anode/messages"
)

// blockOf is how many sequences share a count.
const blockOf = 1024

// tally tells how many records batches of an epoch have, as far as they were announced. Its zero value knows nothing.
type tally struct {
	blocks map[uint64]counted
}

// counted are batches, and the records in them.
type counted struct{ batches, records uint64 }

// note takes in a batch.
func (t *tally) note(sequence uint64, records uint32) {
	if t.blocks == nil {
		t.blocks = make(map[uint64]counted)
	}
	c := t.blocks[sequence/blockOf]
	t.blocks[sequence/blockOf] = counted{c.batches + 1, c.records + uint64(records)}
}

// records is how many records a set of batches has: by what is noted of their blocks, else by what a batch has on average.
func (t *tally) records(set messages.Ranges, average float64) (sum float64) {
	for _, run := range set {
		for from := run.From; from <= run.To; {
			to := min(run.To, from/blockOf*blockOf+blockOf-1)
			n := float64(to - from + 1)
			if c := t.blocks[from/blockOf]; c.batches > 0 {
				sum += n * float64(c.records) / float64(c.batches)
			} else {
				sum += n * average
			}
			from = to + 1
		}
	}
	return sum
}

// keep forgets the blocks of which nothing is in a set.
func (t *tally) keep(set messages.Ranges) {
	maps.DeleteFunc(t.blocks, func(block uint64, _ counted) bool {
		whole := messages.Range{From: block * blockOf, To: block*blockOf + blockOf - 1}
		return messages.Ranges{whole}.Minus(set).Len() == blockOf
	})
}
