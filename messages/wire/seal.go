package wire

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/klauspost/compress/zstd"
	"github.com/zeebo/blake3"
	"google.golang.org/protobuf/encoding/protowire"

	"anode/messages"
)

// Sealer makes batches of drafts. It keeps its buffers from one to the next and is not
// safe for concurrent use; what it returns is independent of it.
type Sealer struct {
	codec  Codec
	body   []byte
	packed []byte
	zstd   *zstd.Encoder
}

// NewSealer makes a sealer that compresses with codec where that pays.
func NewSealer(codec Codec) *Sealer { return &Sealer{codec: codec} }

// Place is where a batch stands: what its header says before its records are known.
type Place struct {
	messages.BatchID
	// First is the reading of the first record.
	First messages.HLC
	// Prior and Previous are as in messages.Header.
	Prior    messages.Position
	Previous messages.Hash
}

// Seal groups the drafts by stream, numbers and seals them. It returns the batch in both
// forms, and the index that each draft got as a record, in the order of the drafts. There
// must be 1 to messages.MaxBatchRecords drafts that passed Check; the batch keeps their payloads.
func (s *Sealer) Seal(at Place, drafts []messages.Draft) (Sealed, *messages.Batch, []uint32, error) {
	if len(drafts) == 0 || len(drafts) > messages.MaxBatchRecords {
		return Sealed{}, nil, nil, fmt.Errorf("seal %s: %d drafts, 1 to %d are allowed", at.BatchID, len(drafts), messages.MaxBatchRecords)
	}
	batch, indexes := arrange(at, drafts)
	s.body = s.body[:0]
	root := blake3.New()
	for i := range batch.Groups {
		from := len(s.body)
		s.body = appendGroup(s.body, &batch.Groups[i])
		sum := blake3.Sum256(s.body[from:])
		_, _ = root.Write(sum[:])
	}
	root.Sum(batch.Root[:0])
	if len(s.body) > MaxRaw {
		return Sealed{}, nil, nil, fmt.Errorf("seal %s: body of %d bytes, at most %d are allowed", at.BatchID, len(s.body), MaxRaw)
	}
	b, err := s.write(&batch.Header)
	if err != nil {
		return Sealed{}, nil, nil, fmt.Errorf("seal %s: %w", at.BatchID, err)
	}
	sealed, err := ParseChecked(b)
	if err != nil {
		return Sealed{}, nil, nil, fmt.Errorf("seal %s: %w", at.BatchID, err)
	}
	return sealed, batch, indexes, nil
}

// arrange sorts drafts into groups, stable, and numbers them as records.
func arrange(at Place, drafts []messages.Draft) (*messages.Batch, []uint32) {
	order := make([]int, len(drafts))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int {
		return strings.Compare(string(drafts[a].Stream), string(drafts[b].Stream))
	})
	batch := &messages.Batch{Header: messages.Header{
		Origin: at.Origin, Epoch: at.Epoch, Sequence: at.Sequence, Count: uint32(len(drafts)),
		First: at.First, Last: at.First + messages.HLC(len(drafts)-1), Prior: at.Prior, Previous: at.Previous,
	}}
	records := make([]messages.Record, len(drafts))
	indexes := make([]uint32, len(drafts))
	from := 0
	for i, d := range order {
		indexes[d] = uint32(i)
		records[i] = messages.Record{
			Position: messages.Position{Origin: at.Origin, Epoch: at.Epoch, Sequence: at.Sequence, Index: uint32(i)},
			HLC:      at.First + messages.HLC(i),
			Draft:    drafts[d],
		}
		if i+1 == len(order) || drafts[order[i+1]].Stream != drafts[d].Stream {
			batch.Groups = append(batch.Groups, messages.Group{Stream: drafts[d].Stream, Records: records[from : i+1 : i+1]})
			from = i + 1
		}
	}
	return batch, indexes
}

// write puts header, body and checksum into one slice of its own.
func (s *Sealer) write(h *messages.Header) ([]byte, error) {
	if len(h.Origin) > messages.MaxNodeID {
		return nil, errors.New("origin is too long")
	}
	le := binary.LittleEndian
	b := make([]byte, fixedHeader, maxHeader+len(s.body)+trailer)
	b[0], b[1], b[2] = 'a', 'N', Version
	le.PutUint32(b[12:], uint32(len(s.body)))
	le.PutUint64(b[16:], h.Epoch)
	le.PutUint64(b[24:], h.Sequence)
	le.PutUint64(b[32:], uint64(h.First))
	le.PutUint64(b[40:], uint64(h.Last))
	le.PutUint32(b[48:], h.Count)
	copy(b[52:84], h.Previous[:])
	copy(b[84:116], h.Root[:])
	b = append(append(b, byte(len(h.Origin))), h.Origin...)
	if h.Prior.IsZero() {
		b = append(b, 0)
	} else {
		b = le.AppendUint64(append(b, 1), h.Prior.Epoch)
		b = le.AppendUint32(le.AppendUint64(b, h.Prior.Sequence), h.Prior.Index)
	}
	b = append(b, 0) // no signature
	header := len(b)
	le.PutUint32(b[4:], uint32(header))
	b, codec, err := s.compress(b, s.body)
	if err != nil {
		return nil, err
	}
	b[3] = byte(codec)
	le.PutUint32(b[8:], uint32(len(b)-header))
	return le.AppendUint32(b, Checksum(b)), nil
}

// The field numbers of batch.proto.
const (
	bodyGroups   = 1
	groupStream  = 1
	groupRecords = 2
	recPayload   = 1
	recKey       = 2
	recNativeID  = 3
	recSource    = 4
	recContent   = 5
	recTime      = 6
)

// appendGroup appends Body.groups of batch.proto with one group.
func appendGroup(dst []byte, g *messages.Group) []byte {
	size := sizeBytes(groupStream, len(g.Stream))
	for i := range g.Records {
		size += sizeBytes(groupRecords, sizeRecord(&g.Records[i].Draft))
	}
	dst = appendLead(dst, bodyGroups, size)
	dst = append(appendLead(dst, groupStream, len(g.Stream)), g.Stream...)
	for i := range g.Records {
		d := &g.Records[i].Draft
		dst = appendRecord(appendLead(dst, groupRecords, sizeRecord(d)), d)
	}
	return dst
}

func appendRecord(dst []byte, d *messages.Draft) []byte {
	if len(d.Payload) > 0 {
		dst = append(appendLead(dst, recPayload, len(d.Payload)), d.Payload...)
	}
	dst = appendText(dst, recKey, d.Key)
	dst = appendText(dst, recNativeID, d.NativeID)
	dst = appendText(dst, recSource, d.Source)
	dst = appendText(dst, recContent, d.ContentType)
	if !d.Time.IsZero() {
		dst = protowire.AppendTag(dst, recTime, protowire.Fixed64Type)
		dst = protowire.AppendFixed64(dst, uint64(d.Time.UnixNano()))
	}
	return dst
}

func sizeRecord(d *messages.Draft) int {
	size := 0
	for field, length := range [...]int{
		recPayload: len(d.Payload), recKey: len(d.Key), recNativeID: len(d.NativeID),
		recSource: len(d.Source), recContent: len(d.ContentType),
	} {
		if length > 0 {
			size += sizeBytes(protowire.Number(field), length)
		}
	}
	if !d.Time.IsZero() {
		size += protowire.SizeTag(recTime) + protowire.SizeFixed64()
	}
	return size
}

func sizeBytes(field protowire.Number, length int) int {
	return protowire.SizeTag(field) + protowire.SizeBytes(length)
}

func appendLead(dst []byte, field protowire.Number, length int) []byte {
	return protowire.AppendVarint(protowire.AppendTag(dst, field, protowire.BytesType), uint64(length))
}

func appendText(dst []byte, field protowire.Number, text string) []byte {
	if text == "" {
		return dst
	}
	return append(appendLead(dst, field, len(text)), text...)
}
