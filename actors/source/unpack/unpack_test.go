package unpack

import (
	"bytes"
	stdflate "compress/flate"
	stdgzip "compress/gzip"
	stdzlib "compress/zlib"
	"encoding/base64"
	"errors"
	"io"
	"runtime"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"

	"anode/testkit/racing"
)

// packed packs a text; the writer is closed.
func packed(t testing.TB, text []byte, of func(io.Writer) (io.WriteCloser, error)) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := of(&b)
	if err == nil {
		_, err = w.Write(text)
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func gz(t testing.TB, text []byte) []byte {
	return packed(t, text, func(w io.Writer) (io.WriteCloser, error) { return stdgzip.NewWriter(w), nil })
}

func raw(t testing.TB, text []byte) []byte {
	return packed(t, text, func(w io.Writer) (io.WriteCloser, error) { return stdflate.NewWriter(w, 6) })
}

func zl(t testing.TB, text []byte) []byte {
	return packed(t, text, func(w io.Writer) (io.WriteCloser, error) { return stdzlib.NewWriter(w), nil })
}

func zs(t testing.TB, text []byte) []byte {
	return packed(t, text, func(w io.Writer) (io.WriteCloser, error) { return zstd.NewWriter(w) })
}

func TestDecode(t *testing.T) {
	text := []byte(`{"ping":1492420473027,"a":"` + strings.Repeat("b", 3000) + `"}`)
	var flushed bytes.Buffer
	w, err := stdflate.NewWriter(&flushed, 6)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = w.Write(text)
	_ = w.Flush()
	for name, c := range map[string]struct {
		steps   string
		message []byte
	}{
		"gzip":                {"gzip", gz(t, text)},
		"gzip of two members": {"gzip", append(gz(t, text[:10]), gz(t, text[10:])...)},
		"raw deflate":         {"deflate", raw(t, text)},
		"deflate as zlib":     {"deflate", zl(t, text)},
		"flushed deflate":     {"deflate", flushed.Bytes()},
		"zstd":                {"zstd", zs(t, text)},
		"base64":              {"base64", []byte(base64.StdEncoding.EncodeToString(text))},
		"base64 of a URL":     {"base64", []byte(base64.RawURLEncoding.EncodeToString(text))},
		"base64 in lines":     {"base64", append([]byte(base64.StdEncoding.EncodeToString(text)), '\r', '\n')},
		"several":             {"base64 gzip zstd", []byte(base64.StdEncoding.EncodeToString(gz(t, zs(t, text))))},
	} {
		for range 2 { // what is used again holds nothing of before
			got, err := Message(strings.Fields(c.steps), bytes.Clone(c.message))
			if err != nil || !bytes.Equal(got, text) {
				t.Errorf("%s: %v, %d bytes", name, err, len(got))
			}
		}
		for _, cut := range []int{0, 1, len(c.message) / 2} {
			if got, err := Message(strings.Fields(c.steps), bytes.Clone(c.message[:cut])); err == nil && bytes.Equal(got, text) || err == nil && !strings.Contains(c.steps, "base64") && cut > 0 {
				t.Errorf("%s, cut to %d bytes, gives %d", name, cut, len(got))
			}
		}
	}
	for _, step := range []string{"gzip", "deflate", "zstd", "base64"} {
		if _, err := Message([]string{step}, []byte("\xffno such thing, at all")); err == nil {
			t.Errorf("%s takes anything", step)
		}
	}
}

func TestBombsAreBounded(t *testing.T) {
	huge := make([]byte, 64<<20)
	bombs := map[string][]byte{"gzip": gz(t, huge), "deflate": raw(t, huge), "zstd": zs(t, huge)}
	most := make([]byte, Most)
	fits := map[string][]byte{"gzip": gz(t, most), "deflate": zl(t, most), "zstd": zs(t, most)}
	zlibBomb := zl(t, huge)
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	for step, bomb := range bombs {
		if _, err := Message([]string{step}, bomb); !errors.Is(err, errBomb) {
			t.Errorf("%s: %v", step, err)
		}
	}
	if _, err := Message([]string{"deflate"}, zlibBomb); !errors.Is(err, errBomb) {
		t.Errorf("zlib: %v", err)
	}
	if runtime.ReadMemStats(&after); after.TotalAlloc-before.TotalAlloc > 300<<20 && !racing.Enabled {
		t.Errorf("four bombs took %d MiB", (after.TotalAlloc-before.TotalAlloc)>>20)
	}
	for step, message := range fits {
		if got, err := Message([]string{step}, message); err != nil || len(got) != Most {
			t.Errorf("%s: 16 MiB give %d bytes, %v", step, len(got), err)
		}
	}
}

func FuzzDecode(f *testing.F) {
	for i, message := range [][]byte{gz(f, []byte("a")), raw(f, []byte("a")), zs(f, []byte("a")), []byte("YQ==")} {
		f.Add(message, byte(i), byte(i+1))
	}
	steps := []string{"gzip", "deflate", "zstd", "base64"}
	f.Fuzz(func(t *testing.T, message []byte, one, two byte) {
		if got, err := Message([]string{steps[one%4], steps[two%4]}, message); err == nil && len(got) > Most {
			t.Errorf("%d bytes", len(got))
		}
	})
}

func BenchmarkDecode(b *testing.B) {
	text := []byte(strings.Repeat(`{"ch":"market.btcusdt.trade.detail","ts":1489474082831,"tick":{"id":14650745135}}`, 5))
	for step, message := range map[string][]byte{"gzip": gz(b, text), "deflate": raw(b, text), "zstd": zs(b, text)} {
		b.Run(step, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := Message([]string{step}, message); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
