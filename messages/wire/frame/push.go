package frame

import (
	"errors"
	"fmt"

	"anode/messages/wire"
)

// Flags of a Push.
const (
	pushRefresh = 1 << iota
	pushRepair
)

// Size implements Frame. It costs the same for every batch.
func (f *Push) Size() int { return head + 2 + sizeBytes(f.Batch.Bytes()) }

// AppendHead appends all of the frame but the batch's bytes, which are to follow: so that they are
// written from where they are.
func (f *Push) AppendHead(dst []byte) []byte {
	at := len(dst)
	dst = f.appendLead(append(dst, 0, 0, 0, 0, byte(TypePush)))
	putLength(dst[at:], TypePush, len(dst)-at+len(f.Batch.Bytes()))
	return dst
}

func (f *Push) appendLead(dst []byte) []byte {
	dst = append(dst, flags(f.Refresh, f.Repair), f.Hop)
	return appendUint(dst, uint64(len(f.Batch.Bytes())))
}

func (f *Push) appendBody(dst []byte) []byte { return append(f.appendLead(dst), f.Batch.Bytes()...) }

func (f *Push) readBody(d decoder) error {
	bits := d.byte()
	f.Refresh, f.Repair = bits&pushRefresh != 0, bits&pushRepair != 0
	f.Hop = d.byte()
	b := d.part()
	if d.err != nil {
		return d.err
	}
	batch, err := wire.Parse(b)
	if err != nil {
		return fmt.Errorf("batch of %d bytes: %w", len(b), err)
	}
	f.Batch = &batch
	return nil
}

func (f *Push) check() error {
	if f.Batch == nil {
		return errors.New("there is no batch")
	}
	return nil
}
