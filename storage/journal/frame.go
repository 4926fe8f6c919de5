package journal

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"anode/messages/wire"
	"anode/storage"
)

const (
	formatVersion = 1
	segmentHeader = 32
	frameHeader   = 12
	segmentMark   = "aNsg"
	sidecarMark   = "aNix"

	segmentEnding = ".seg"
	sidecarEnding = ".idx"
	damagedEnding = ".damaged"
	spareName     = "spare.tmp"

	// leastBatch is less than any sealed batch has.
	leastBatch = 120
	// maxFile is more than any segment has: offsets are kept in 32 bits.
	maxFile = 1<<32 - 1
)

var (
	// errNewer: a segment must be left as it is.
	errNewer = errors.New("a newer aNode made the segment")
	// errTooLarge: it is no segment of this journal, whatever it begins with.
	errTooLarge = errors.New("more bytes than any segment has")
)

var le = binary.LittleEndian

// families gives each family its name, in order.
var families = [...]string{storage.Own: "own", storage.Live: "live", storage.Backfill: "backfill"}

func segmentName(number uint64, family storage.Family) string {
	return fmt.Sprintf("%016x-%s", number, families[family])
}

// parseName reads the name of a segment without its ending.
func parseName(name string) (number uint64, family storage.Family, ok bool) {
	digits, kind, ok := strings.Cut(name, "-")
	if !ok || len(digits) != 16 {
		return 0, 0, false
	}
	number, err := strconv.ParseUint(digits, 16, 64)
	if err != nil {
		return 0, 0, false
	}
	for f, text := range families {
		if text == kind {
			return number, storage.Family(f), true
		}
	}
	return 0, 0, false
}

func appendSegmentHeader(dst []byte, number uint64, family storage.Family, made time.Time) []byte {
	from := len(dst)
	dst = append(append(dst, segmentMark...), formatVersion, byte(family), 0, 0)
	dst = le.AppendUint64(dst, number)
	dst = le.AppendUint64(dst, uint64(made.UnixMilli()))
	dst = le.AppendUint32(dst, wire.Checksum(dst[from:]))
	return append(dst, 0, 0, 0, 0)
}

// checkSegmentHeader tells whether a header is whole. A version that is not known is an
// error: the segment must be left as it is.
func checkSegmentHeader(b []byte) (whole bool, err error) {
	if len(b) < segmentHeader || string(b[:4]) != segmentMark || wire.Checksum(b[:24]) != le.Uint32(b[24:]) {
		return false, nil
	}
	if b[4] != formatVersion {
		return true, fmt.Errorf("%w: its format version is %d, this one reads up to %d", errNewer, b[4], formatVersion)
	}
	return true, nil
}

// appendFrame appends a batch and its frame.
func appendFrame(dst, batch []byte) []byte {
	var head [frameHeader]byte
	le.PutUint32(head[:], uint32(len(batch)))
	le.PutUint32(head[4:], wire.Checksum(head[:4]))
	copy(head[8:], batch[len(batch)-4:])
	return append(append(dst, head[:]...), batch...)
}

// frameLength gives the length that a frame's header names, where the header is right.
func frameLength(head []byte) (int64, bool) {
	if len(head) < frameHeader || wire.Checksum(head[:4]) != le.Uint32(head[4:]) {
		return 0, false
	}
	n := int64(le.Uint32(head))
	return n, n >= leastBatch && n <= wire.MaxSealed
}
