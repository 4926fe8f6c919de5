package frame_test

import (
	"bytes"
	"errors"
	"io"
	"maps"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"anode/messages/wire"
	"anode/messages/wire/frame"
)

// stream is all samples behind each other, and what they are in that order.
func stream(t testing.TB) ([]byte, []frame.Frame) {
	var b []byte
	var list []frame.Frame
	for _, all := range []map[string]frame.Frame{samples(t), maximal(t)} {
		for _, name := range slices.Sorted(maps.Keys(all)) {
			b, list = frame.Append(b, all[name]), append(list, all[name])
		}
	}
	return b, list
}

func TestReaderGivesWhatWasWritten(t *testing.T) {
	b, want := stream(t)
	for name, from := range map[string]io.Reader{
		"whole": bytes.NewReader(b), "byte by byte": iotest.OneByteReader(bytes.NewReader(b)), "with its end": iotest.DataErrReader(bytes.NewReader(b)),
	} {
		r := frame.NewReader(from)
		for i, f := range want {
			if got, err := r.Next(); err != nil || !reflect.DeepEqual(got, f) {
				t.Fatalf("%s, frame %d: %+.200v, %v, want %+.200v", name, i, got, err, f)
			}
		}
		for range 2 {
			if f, err := r.Next(); !errors.Is(err, io.EOF) {
				t.Fatalf("%s, at the end: %v, %v", name, f, err)
			}
		}
	}
}

func TestAPushIsItsOwnWhenTheNextOneCame(t *testing.T) {
	for _, payload := range []int{100, 60_000, 100_000, 1 << 20} {
		first, second := &frame.Push{Batch: sealed(t, node, payload)}, &frame.Push{Batch: sealed(t, other, payload)}
		r := frame.NewReader(bytes.NewReader(frame.Append(frame.Append(nil, first), second)))
		got, err := r.Next()
		if err != nil {
			t.Fatal(err)
		}
		if f, err := r.Next(); err != nil || !reflect.DeepEqual(f, second) {
			t.Fatalf("the second: %.200v, %v", f, err)
		}
		if !reflect.DeepEqual(got, first) {
			t.Errorf("a batch of %d bytes changed", payload)
		}
	}
}

func TestAStreamThatEndsWithinAFrameSaysSo(t *testing.T) {
	long := frame.Append(nil, &frame.Ask{Body: make([]byte, 20_000)})
	push := frame.Append(nil, samples(t)["push"])
	large := frame.Append(nil, &frame.Push{Batch: sealed(t, node, 100_000)})
	for _, b := range [][]byte{long, push, large} {
		for _, n := range []int{1, 4, 5, 6, len(b) / 2, len(b) - 1} {
			if f, err := frame.NewReader(bytes.NewReader(b[:n])).Next(); !errors.Is(err, io.ErrUnexpectedEOF) {
				t.Errorf("%d of %d bytes: %v, %v", n, len(b), f, err)
			}
		}
	}
}

func TestABadBodyIsNotTheEndOfTheStream(t *testing.T) {
	damaged := frame.Append(nil, samples(t)["push"])
	damaged[len(damaged)-9] ^= 1
	bad := frame.Append(nil, &frame.Graft{Origin: node, Epoch: 0})
	unknown := append([]byte{0, 64, 0, 0, 200}, make([]byte, 64<<8)...)
	after := frame.Append(nil, &frame.Ping{Nonce: 1})
	r := frame.NewReader(bytes.NewReader(slices.Concat(damaged, bad, unknown, after)))
	for _, want := range []error{wire.ErrChecksum, frame.ErrFrame, frame.ErrUnknown} {
		if f, err := r.Next(); !errors.Is(err, want) {
			t.Fatalf("%v, %v, want %v", f, err, want)
		}
	}
	if f, err := r.Next(); err != nil || !reflect.DeepEqual(f, &frame.Ping{Nonce: 1}) {
		t.Fatalf("behind them: %v, %v", f, err)
	}
}

func TestALengthAboveMaxIsFinal(t *testing.T) {
	r := frame.NewReader(io.MultiReader(bytes.NewReader([]byte{0xfc, 0xff, 0x1f, 0, 3}), bytes.NewReader(make([]byte, 100))))
	for range 2 {
		if f, err := r.Next(); !errors.Is(err, frame.ErrFrame) || !strings.Contains(err.Error(), "have with a body of 2097148 bytes, at most 2097147 are allowed") {
			t.Fatalf("%v, %v", f, err)
		}
	}
}

func TestAFailedStreamStaysFailed(t *testing.T) {
	boom := errors.New("boom")
	for _, n := range []int{0, 3, 30, 19_000} {
		b := frame.Append(nil, &frame.Ask{Body: make([]byte, 20_000)})
		r := frame.NewReader(io.MultiReader(bytes.NewReader(b[:n]), iotest.ErrReader(boom), bytes.NewReader(b)))
		for range 2 {
			if f, err := r.Next(); !errors.Is(err, boom) {
				t.Errorf("after %d bytes: %v, %v", n, f, err)
			}
		}
	}
}

func TestTheFirstFrameMustBeAHello(t *testing.T) {
	hello := maximal(t)["hello"]
	if 2*hello.Size() < frame.MaxHello || hello.Size() > frame.MaxHello {
		t.Errorf("the largest hello has %d bytes, MaxHello is %d", hello.Size(), frame.MaxHello)
	}
	if f, err := frame.NewReader(bytes.NewReader(frame.Append(nil, hello))).Hello(); err != nil || !reflect.DeepEqual(f, hello) {
		t.Errorf("%+v, %v", f, err)
	}
	for want, b := range map[string][]byte{
		"ping of 16 bytes where a hello is due": frame.Append(nil, &frame.Ping{}),
		"hello with a body of 8188 bytes":       {0xfc, 0x1f, 0, 0, 1},
		"push with a body of":                   {0xfb, 0xff, 0x1f, 0, 2},
		"hello: it is cut":                      {0, 0, 0, 0, 1},
	} {
		r := frame.NewReader(bytes.NewReader(append(b, frame.Append(nil, &frame.Ping{})...)))
		_, err := r.Hello()
		if !errors.Is(err, frame.ErrFrame) || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
		if _, again := r.Next(); !errors.Is(again, err) {
			t.Errorf("after %v came %v", err, again)
		}
	}
}

// cost is how many bytes a call allocates.
func cost(call func()) uint64 {
	const runs = 20
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range runs {
		call()
	}
	runtime.ReadMemStats(&after)
	return (after.TotalAlloc - before.TotalAlloc) / runs
}

func TestWhatIsOnlyClaimedCostsNothing(t *testing.T) {
	const little = 100 << 10
	for _, kind := range []frame.Type{frame.TypePush, frame.TypeHave, 99} {
		claim := []byte{0xfb, 0xff, 0x1f, 0, byte(kind), 1, 2, 3}
		if n := cost(func() {
			if _, err := frame.NewReader(bytes.NewReader(claim)).Next(); !errors.Is(err, io.ErrUnexpectedEOF) {
				t.Error(err)
			}
		}); n > little {
			t.Errorf("a claimed %s cost %d bytes", kind, n)
		}
	}
	count := []byte{0x80, 0x80, 0x80, 0x80, 0x80, 0x40} // 2^41
	for kind, b := range map[frame.Type][]byte{
		frame.TypeHave: count, frame.TypeStatus: count, frame.TypeAsk: append([]byte{1}, count...), frame.TypeBye: count, frame.TypeVersions: append([]byte{1}, count...),
		frame.TypePush: append([]byte{0, 0}, count...), frame.TypeRegistry: append([]byte{0, 0}, count...),
		frame.TypeDigest: append([]byte{0}, count...), frame.TypeEnd: append([]byte{0, 0, 0}, count...),
	} {
		if n := cost(func() {
			if _, err := frame.Parse(kind, append(b, make([]byte, 100)...)); !errors.Is(err, frame.ErrFrame) {
				t.Errorf("%s: %v", kind, err)
			}
		}); n > 4<<10 {
			t.Errorf("a claimed count in %s cost %d bytes", kind, n)
		}
	}
}

func TestAReaderIsUsedAgain(t *testing.T) {
	for _, payload := range []int{100, 100_000} {
		push := &frame.Push{Batch: sealed(t, node, payload)}
		b := frame.Append(nil, push)
		r := frame.NewReader(bytes.NewReader(append(bytes.Clone(b), 1, 2, 3)))
		first, err := r.Next()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := r.Next(); !errors.Is(err, io.ErrUnexpectedEOF) || r.Buffered() != 3 {
			t.Fatalf("the end: %v, %d bytes are read ahead, want 3", err, r.Buffered())
		}
		r.Reset(bytes.NewReader(b))
		second, err := r.Next()
		if err != nil || r.Buffered() != 0 || !reflect.DeepEqual(second, push) || !reflect.DeepEqual(first, push) {
			t.Fatalf("after Reset: %v, %d bytes are read ahead, %.100v", err, r.Buffered(), second)
		}
	}
}
