package history

import (
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/zeebo/blake3"

	"anode/messages"
)

// A page token is unpadded base64url of
//
//	version (1) │ flags (1) │ stream │ from │ to │ at │ after? │ given? │ heads │ BLAKE3 of all before (8)
//
// where numbers are varints, texts are led by their length, a key is ms and position, and
// the heads are led by their number.
const (
	tokenVersion = 1
	tokenSum     = 8
	// mostToken is the longest token that is read, in bytes: about 10,000 heads.
	mostToken = 2 << 20
)

const (
	flagDescending = 1 << iota
	flagUnique
	flagAfter
	flagGiven
	flagArchived
	flagsKnown = 1<<iota - 1
)

// encode gives the token that goes on where the walk is.
func (b *begun) encode() string {
	var flags byte
	for flag, set := range map[byte]bool{flagDescending: b.descending, flagUnique: b.unique, flagAfter: b.after != nil, flagGiven: b.given != nil, flagArchived: b.archived} {
		if set {
			flags |= flag
		}
	}
	t := appendText([]byte{tokenVersion, flags}, string(b.stream))
	for _, n := range []int64{b.from, b.to, b.at} {
		t = binary.AppendUvarint(t, uint64(n))
	}
	for _, k := range []*key{b.after, b.given} {
		if k != nil {
			t = appendPosition(binary.AppendUvarint(t, uint64(k.ms)), k.at)
		}
	}
	t = binary.AppendUvarint(t, uint64(len(b.heads)))
	for _, origin := range slices.Sorted(maps.Keys(b.heads)) {
		t = appendPosition(t, b.heads[origin])
	}
	sum := blake3.Sum256(t)
	return base64.RawURLEncoding.EncodeToString(append(t, sum[:tokenSum]...))
}

func appendText(dst []byte, text string) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(text))), text...)
}

func appendPosition(dst []byte, p messages.Position) []byte {
	dst = appendText(dst, string(p.Origin))
	for _, n := range []uint64{p.Epoch, p.Sequence, uint64(p.Index)} {
		dst = binary.AppendUvarint(dst, n)
	}
	return dst
}

var errToken = errors.New("it is not a token that a page gave")

// decode reads a token.
func decode(text string) (*begun, error) {
	if len(text) > mostToken {
		return nil, fmt.Errorf("%w: %d bytes", errToken, len(text))
	}
	t, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil || len(t) < tokenSum+2 {
		return nil, errToken
	}
	t, sum := t[:len(t)-tokenSum], t[len(t)-tokenSum:]
	if want := blake3.Sum256(t); string(want[:tokenSum]) != string(sum) {
		return nil, errToken
	}
	if t[0] != tokenVersion {
		return nil, fmt.Errorf("%w: version %d", errToken, t[0])
	}
	return readToken(t[1], t[2:])
}

func readToken(flags byte, t []byte) (*begun, error) {
	r := reader{b: t}
	b := &begun{descending: flags&flagDescending != 0, unique: flags&flagUnique != 0}
	b.heads, b.archived = make(map[messages.NodeID]messages.Position), flags&flagArchived != 0
	stream, err := messages.ParseStream(r.text(messages.MaxStream))
	if err != nil {
		r.bad = true
	}
	b.stream = stream
	b.from, b.to, b.at = r.ms(), r.ms(), r.ms()
	if flags&flagAfter != 0 {
		b.after = &key{r.ms(), r.position()}
	}
	if flags&flagGiven != 0 {
		b.given = &key{r.ms(), r.position()}
	}
	for n := r.number(); n > 0 && !r.bad; n-- {
		p := r.position()
		r.bad = r.bad || p.Epoch == 0
		b.heads[p.Origin] = p
	}
	if r.bad || len(r.b) > 0 || flags&^byte(flagsKnown) != 0 {
		return nil, errToken
	}
	return b, nil
}

// reader reads a token's parts; bad says that one was none.
type reader struct {
	b   []byte
	bad bool
}

func (r *reader) number() uint64 {
	n, size := binary.Uvarint(r.b)
	if size <= 0 {
		r.bad, r.b = true, nil
		return 0
	}
	r.b = r.b[size:]
	return n
}

func (r *reader) ms() int64 {
	n := r.number()
	r.bad = r.bad || n > most
	return int64(n & most)
}

func (r *reader) text(longest int) string {
	n := r.number()
	if n > uint64(longest) || n > uint64(len(r.b)) {
		r.bad, r.b = true, nil
		return ""
	}
	text := string(r.b[:n])
	r.b = r.b[n:]
	return text
}

func (r *reader) position() messages.Position {
	origin, err := messages.ParseNodeID(r.text(messages.MaxNodeID))
	r.bad = r.bad || err != nil
	p := messages.Position{Origin: origin, Epoch: r.number(), Sequence: r.number()}
	index := r.number()
	r.bad = r.bad || index > messages.IndexEnd
	p.Index = uint32(index)
	return p
}
