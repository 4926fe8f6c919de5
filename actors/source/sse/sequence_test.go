package sse

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

func TestTextsOfASequence(t *testing.T) {
	const rs = "\x1e"
	for body, want := range map[string][]string{
		rs + "{\"a\":1}\n" + rs + "[2]\n" + rs + "3\n":                         {`{"a":1}`, `[2]`, `3`},
		rs + "{\n \"a\": [\n1],\r\n \"}\": \"\\\"{\"\n}\n":                     {"{\n \"a\": [\n1],\n \"}\": \"\\\"{\"\n}"},
		rs + "\n{\"a\":\n1}\n":                                                 {"{\"a\":\n1}"},
		rs + "{\"a\":\n" + rs + "{\"b\":1}\n":                                  {`{"a":`, `{"b":1}`}, // cut: what is there is shown
		rs + "{\"a\":\n":                                                       {`{"a":`},
		"{\"a\":1}\n\n \ntext\n" + rs + "\n" + rs + "2\n":                      {`{"a":1}`, "text", "2"},
		rs + "]\n[\n" + rs + "1\n":                                             {"]", "[", "1"},
		rs + "[\n" + strings.Repeat("1,\n", 20) + "1]\n" + rs + "[1]\n":        {"64 [\n1,", "[1]"},
		rs + "[\"" + strings.Repeat("1", 60) + "\"]\n" + rs + "[1]\n" + "2\n":  {"64 [\"11", "[1]", "2"},
		rs + "[\n" + strings.Repeat("x\n", 100) + rs + "[1]\n":                 {"endless", "201 [\nx\n", "[1]"},
		rs + "[\n" + strings.Repeat("\n", 10) + "]\n":                          {"[\n" + strings.Repeat("\n", 10) + "]"},
		strings.Repeat(rs, 3) + "1\n" + rs + "{\"a\":\"" + rs + "\"}\n" + "\n": {"1", "{\"a\":\"" + rs + "\"}"},
	} {
		var got []string
		q, s := sequence{most: 40}, splitter{most: 40, onlyLF: true}
		tell := func(all []event) {
			for _, e := range all {
				if e.tooLarge {
					got = append(got, fmt.Sprintf("%d %s", e.size, e.data[:4]))
				} else if got = append(got, string(e.data)); e.size != len(e.data) {
					t.Errorf("%q: the size is %d", e.data, e.size)
				}
			}
		}
		for rest, told := []byte(body), false; ; {
			l, more, ok := s.next(rest)
			if !ok {
				break
			}
			tell(q.take(l))
			if rest = more; q.endless() && !told {
				got, told = append(got, "endless"), true
			}
		}
		tell(q.end())
		if !slices.Equal(got, want) {
			t.Errorf("%q:\n got %q\nwant %q", body, got, want)
		}
	}
}
