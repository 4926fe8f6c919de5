package member

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"testing"
	"time"
)

var testKey = []byte("0123456789abcdef0123456789abcdef")

// sealed is what a node with a key sends after the label.
func sealed(t testing.TB, key, plain, bound []byte) []byte {
	t.Helper()
	block, err := aes.NewCipher(key)
	if err != nil {
		t.Fatal(err)
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		t.Fatal(err)
	}
	nonce := make([]byte, nonceSize)
	return aead.Seal(append([]byte{cryptVersion}, nonce...), nonce, plain, bound)
}

func labelled(label string, rest []byte) []byte {
	return append(append([]byte{labelByte, byte(len(label))}, label...), rest...)
}

func sealedStream(t testing.TB, key []byte, label string, plain []byte) []byte {
	head := binary.BigEndian.AppendUint32([]byte{encryptedByte}, uint32(sealedOverhead+len(plain)))
	return append(head, sealed(t, key, plain, append(bytes.Clone(head), label...))...)
}

func mustGate(t testing.TB, label string, keys ...[]byte) *gate {
	t.Helper()
	g, err := newGate(label, keys)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func TestGateOpensWhatAnyKeySealed(t *testing.T) {
	other := bytes.Repeat([]byte{7}, 32)
	g := mustGate(t, "test", testKey, other)
	for _, key := range [][]byte{testKey, other} {
		packet := sealed(t, key, []byte("news"), []byte("test"))
		if rest, err := g.packet(labelled("test", packet), nil); err != nil || !bytes.Equal(rest, packet) {
			t.Errorf("a packet came as %q, %v", rest, err)
		}
		message := sealedStream(t, key, "test", []byte("list"))
		if plain, err := g.openMessage(message); err != nil || string(plain) != "list" {
			t.Errorf("a message came as %q, %v", plain, err)
		}
	}
}

func TestGateRefusesPacketsAndStreamsAlike(t *testing.T) {
	keyed, open := mustGate(t, "test", testKey), mustGate(t, "test")
	wrong := bytes.Repeat([]byte{9}, 32)
	for name, c := range map[string]struct {
		gate           *gate
		packet, stream []byte
		want           error
	}{
		"no label":                {keyed, sealed(t, testKey, []byte("x"), nil), sealedStream(t, testKey, "", []byte("x")), errGarbage},
		"another cluster":         {keyed, labelled("prod", []byte("x")), labelled("prod", []byte{1}), errCluster("prod")},
		"another secret":          {keyed, labelled("test", sealed(t, wrong, []byte("x"), []byte("test"))), labelled("test", sealedStream(t, wrong, "test", []byte("x"))), errSecret},
		"sealed for another mesh": {keyed, labelled("test", sealed(t, testKey, []byte("x"), []byte("prod"))), labelled("test", sealedStream(t, testKey, "prod", []byte("x"))), errSecret},
		"not sealed":              {keyed, labelled("test", []byte{0, 1, 2}), labelled("test", []byte{6, 1, 2}), errSecret},
	} {
		if _, err := c.gate.packet(c.packet, nil); !errors.Is(err, c.want) {
			t.Errorf("%s: a packet gives %v", name, err)
		}
		if _, err := readAll(c.gate, c.stream); !errors.Is(err, c.want) {
			t.Errorf("%s: a stream gives %v", name, err)
		}
	}
	for name, stream := range map[string][]byte{
		"an unknown message":  labelled("test", []byte{firstUnused}),
		"too long a message":  labelled("test", []byte{encryptedByte, 0xff, 0, 0, 0}),
		"half a message":      labelled("test", sealedStream(t, testKey, "test", []byte("x"))[:9]),
		"half a label":        {labelByte, 9, 'a'},
		"an empty label":      {labelByte, 0},
		"half an empty label": {labelByte},
	} {
		if _, err := readAll(keyed, stream); !errors.Is(err, errGarbage) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := readAll(open, labelled("test", sealedStream(t, testKey, "test", []byte("x")))); !errors.Is(err, errSecret) {
		t.Errorf("sealed, without a key: %v", err)
	}
	if _, err := readAll(keyed, nil); !errors.Is(err, io.EOF) {
		t.Errorf("nothing: %v", err)
	}
}

func TestGateHandsStreamsOnWhole(t *testing.T) {
	message := sealedStream(t, testKey, "test", bytes.Repeat([]byte("list "), 100_000))
	for _, c := range []struct {
		gate *gate
		sent []byte
	}{
		{mustGate(t, "test", testKey), append(bytes.Clone(message), "and more"...)},
		{mustGate(t, "test"), append([]byte{6}, "in the clear"...)},
	} {
		if got, err := readAll(c.gate, labelled("test", c.sent)); err != nil || !bytes.Equal(got, c.sent) {
			t.Errorf("%d bytes came as %d, %v", len(c.sent), len(got), err)
		}
	}
}

// readAll reads a stream through a gate.
func readAll(g *gate, sent []byte) ([]byte, error) {
	c, err := g.stream(&once{r: bytes.NewReader(sent)})
	if err != nil {
		return nil, err
	}
	return io.ReadAll(c)
}

// once is a stream that has been sent whole.
type once struct {
	net.Conn
	r io.Reader
}

func (o *once) Read(b []byte) (int, error)  { return o.r.Read(b) }
func (o *once) SetDeadline(time.Time) error { return nil }

func FuzzGate(f *testing.F) {
	f.Add(labelled("test", sealed(f, testKey, []byte("x"), []byte("test"))))
	f.Add(labelled("test", sealedStream(f, testKey, "test", []byte("x"))))
	f.Add([]byte{labelByte, 255, 0})
	keyed, open := mustGate(f, "test", testKey), mustGate(f, "test")
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, g := range []*gate{keyed, open} {
			rest, err := g.packet(b, nil)
			if err == nil && (len(rest) == 0 || !bytes.HasSuffix(b, rest)) {
				t.Fatalf("%q gives %q", b, rest)
			}
			if got, err := readAll(g, b); err == nil && !bytes.HasSuffix(b, got) {
				t.Fatalf("%q gives %q", b, got)
			}
			_, _ = g.openMessage(b)
		}
	})
}

func FuzzDecodeList(f *testing.F) {
	f.Add([]byte{listByte, 0x81, 0xa5, 'N', 'o', 'd', 'e', 's', 1, 0x80})
	f.Fuzz(func(_ *testing.T, b []byte) { _, _ = decodeList(b) })
}
