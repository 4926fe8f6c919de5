package sse

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// parse reads a stream that comes in pieces, with at most so many bytes a message.
func parse(most int, pieces ...string) (got []string, s *events, endless bool) {
	split := splitter{most: most}
	s = &events{most: most}
	for _, piece := range pieces {
		rest := []byte(piece)
		for {
			l, after, ok := split.next(rest)
			if !ok {
				break
			}
			if e, complete := s.take(l); complete {
				text := fmt.Sprintf("%s/%s: %q", e.name, s.id, e.data)
				if e.tooLarge {
					text = fmt.Sprintf("%s/%s: too large, %d bytes", e.name, s.id, e.size)
				}
				got = append(got, text)
			}
			rest = after
		}
		endless = endless || split.endless() || s.endless()
	}
	return got, s, endless
}

var streams = []struct {
	name, text string
	want       []string
}{
	{"nothing", "", nil},
	{"the standard's first", "data: YHOO\ndata: +2\ndata: 10\n\n", []string{`message/: "YHOO\n+2\n10"`}},
	{
		"the standard's second", ": test stream\n\ndata: first event\nid: 1\n\ndata:second event\nid\n\ndata:  third event\n\n",
		[]string{`message/1: "first event"`, `message/: "second event"`, `message/: " third event"`},
	},
	{"the standard's third", "data\n\ndata\ndata\n\ndata:", []string{`message/: ""`, `message/: "\n"`}},
	{"the standard's fourth", "data:test\n\ndata: test\n\n", []string{`message/: "test"`, `message/: "test"`}},
	{"a byte order mark", "\ufeffdata: a\n\n\ufeffdata: b\n\n", []string{`message/: "a"`}},
	{"CR", "data: a\rdata: b\r\rdata: c\r\r", []string{`message/: "a\nb"`, `message/: "c"`}},
	{"CRLF", "data: a\r\ndata: b\r\n\r\ndata: c\r\n\r\n", []string{`message/: "a\nb"`, `message/: "c"`}},
	{"all ends", "data: a\r\n\ndata: b\n\r\ndata: c\r\r\n", []string{`message/: "a"`, `message/: "b"`, `message/: "c"`}},
	{"no end", "data: a\n\ndata: b\n", []string{`message/: "a"`}},
	{"comments", ":\n\n: ping\ndata: a\n:b\ndata: c\n\n", []string{`message/: "a\nc"`}},
	{
		"names", "event: trade\ndata: 1\n\ndata: 2\n\nevent:x\nevent: y\ndata: 3\n\nevent: z\n\ndata: 4\n\n",
		[]string{`trade/: "1"`, `message/: "2"`, `y/: "3"`, `message/: "4"`},
	},
	{"ids", "id: 7\ndata: a\n\ndata: b\n\nid: 8\n\ndata: c\n\nid\ndata: d\n\n", []string{`message/7: "a"`, `message/7: "b"`, `message/8: "c"`, `message/: "d"`}},
	{"an id with NUL", "id: 7\ndata: a\n\nid: 8\x009\ndata: b\n\n", []string{`message/7: "a"`, `message/7: "b"`}},
	{
		"an id that no header can have", "id: 7\ndata: a\n\nid: 8\x019\ndata: b\n\nid: " + strings.Repeat("9", mostID+1) + "\ndata: c\n\nid: \u00fcber\ndata: d\n\n",
		[]string{`message/7: "a"`, `message/7: "b"`, `message/7: "c"`, `message/über: "d"`},
	},
	{"names are exact", "Data: a\n data: b\ndata : c\nfoo: d\ndata: e:f\n\n", []string{`message/: "e:f"`}},
	{"only one space goes", "data:  a \n\nevent:  b\ndata:c\n\n", []string{`message/: " a "`, ` b/: "c"`}},
}

func TestEventsAreAsTheStandardSays(t *testing.T) {
	for _, c := range streams {
		got, _, _ := parse(100_000, c.text)
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: %q\n got %q\nwant %q", c.name, c.text, got, c.want)
		}
		if bytewise, _, _ := parse(100_000, strings.Split(c.text, "")...); !slices.Equal(bytewise, c.want) && !strings.Contains(c.text, "ü") {
			t.Errorf("%s, byte by byte: %q", c.name, bytewise)
		}
	}
}

func TestWhereTheFeedCutsDoesNotMatter(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := strings.Join(rapid.SliceOf(rapid.SampledFrom([]string{"data", "event", "id", "retry", ":", " ", "\n", "\r", "\r\n", "x", "12", "\ufeff", "\x00", "data: 1\n\n"})).Draw(t, "text"), "")
		want, _, _ := parse(20, text)
		var pieces []string
		for rest := text; rest != ""; {
			n := rapid.IntRange(1, len(rest)).Draw(t, "cut")
			pieces, rest = append(pieces, rest[:n]), rest[n:]
		}
		if got, _, _ := parse(20, pieces...); !slices.Equal(got, want) {
			t.Fatalf("%q as %q gives %q, whole %q", text, pieces, got, want)
		}
	})
}

func FuzzEvents(f *testing.F) {
	for _, c := range streams {
		f.Add([]byte(c.text), 5)
	}
	f.Fuzz(func(t *testing.T, text []byte, cut int) {
		cut = max(0, min(cut, len(text)))
		whole, _, _ := parse(64, string(text))
		if halves, _, _ := parse(64, string(text[:cut]), string(text[cut:])); !slices.Equal(halves, whole) {
			t.Errorf("cut at %d: %q, whole %q", cut, halves, whole)
		}
	})
}

func TestWhatIsTooLargeIsPassedOver(t *testing.T) {
	long := strings.Repeat("x", 30)
	got, _, endless := parse(20, "id: 1\ndata: "+long+"\n\ndata: b\n\n", "id: 2\ndata: 1234567890\n", "data: 1234567890\n\n: ", long, "\nid: ", long, "\ndata: c\n\n")
	want := []string{`message/1: too large, 30 bytes`, `message/1: "b"`, `message/2: too large, 21 bytes`, `message/2: "c"`}
	if !slices.Equal(got, want) || endless {
		t.Errorf("got %q, endless %v", got, endless)
	}
	for name, piece := range map[string]string{"a line": "x", "data": "data: xxxxxxxxxxxx\n", "a comment": ":"} {
		pieces := slices.Repeat([]string{piece}, 100)
		if _, s, endless := parse(20, pieces...); !endless || cap(s.data) > 2*headKept {
			t.Errorf("%s without end: %v, %d bytes are kept", name, endless, cap(s.data))
		}
	}
	split := splitter{most: 1 << 20}
	for range 1 << 20 {
		split.next([]byte("xxxx"))
	}
	if cap(split.part) > 2*headKept {
		t.Errorf("%d bytes are kept of a line that is too long", cap(split.part))
	}
}

func TestRetryIsAWish(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"retry: 1500": 1500 * time.Millisecond, "retry:0": 0, "retry": 0, "retry: 1.5": 0, "retry: -1": 0, "retry: 1 ": 0, "retry: 10s": 0,
		"retry: 99999999999999999999999999": 24 * time.Hour,
	} {
		if _, s, _ := parse(100, text+"\n"); s.retry != want {
			t.Errorf("%q asks for %s", text, s.retry)
		}
	}
}

func TestLinesAreMessages(t *testing.T) {
	split := splitter{most: 12, onlyLF: true}
	var got []string
	rest := []byte("\ufeff{\"a\":\r1}\r\n\n \r\n\x1e[2]\n  text \n{\"a\":\"123456789\"}\nlast")
	for {
		l, after, ok := split.next(rest)
		if !ok {
			break
		}
		if e := textOf(l); e.size > 0 {
			got = append(got, fmt.Sprintf("%q %d %v", e.data, e.size, e.tooLarge))
		}
		rest = after
	}
	if l, ok := split.last(); ok {
		got = append(got, string(textOf(l).data))
	}
	want := []string{`"{\"a\":\r1}" 8 false`, `"[2]" 3 false`, `"  text " 7 false`, `"{\"a\":\"123456789\"}" 17 true`, "last"}
	if !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
}
