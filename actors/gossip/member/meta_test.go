package member_test

import (
	"bytes"
	"errors"
	"math"
	"strings"
	"testing"
	"unicode/utf8"

	"anode/actors/gossip/member"
)

func TestMetaComesBack(t *testing.T) {
	for _, m := range []member.Meta{
		{},
		{Stage: member.Active, Epoch: 1},
		{Stage: member.Draining, Epoch: math.MaxUint64, Protocol: 255, Name: strings.Repeat("ü", 32)},
	} {
		b := m.Append(nil)
		got, err := member.ParseMeta(b)
		if err != nil || got != m {
			t.Errorf("%+v came back as %+v, %v", m, got, err)
		}
		if got, err = member.ParseMeta(append(b, "what a later version adds"...)); err != nil || got != m {
			t.Errorf("%+v with more came back as %+v, %v", m, got, err)
		}
	}
}

func TestMetaThatCannotBeReadSaysWhy(t *testing.T) {
	whole := member.Meta{Name: "node"}.Append(nil)
	later := bytes.Clone(whole)
	later[0] = 2
	for text, b := range map[string][]byte{
		"0 bytes":                 nil,
		"11 bytes":                whole[:11],
		"the name ends too early": whole[:len(whole)-1],
		"version 2":               later,
	} {
		if m, err := member.ParseMeta(b); !errors.Is(err, member.ErrMeta) || !strings.Contains(err.Error(), text) || m != (member.Meta{}) {
			t.Errorf("want %q: %v, %+v", text, err, m)
		}
	}
}

func TestUnknownStageIsJoining(t *testing.T) {
	b := member.Meta{Stage: member.Active}.Append(nil)
	b[2] = 200
	if m, err := member.ParseMeta(b); err != nil || m.Stage != member.Joining {
		t.Errorf("%+v, %v", m, err)
	}
}

func TestNamesAreCutToFit(t *testing.T) {
	for given, want := range map[string]string{
		"db-1":                        "db-1",
		"a\x00b\nc\xff":               "abc",
		strings.Repeat("x", 200):      strings.Repeat("x", 64),
		strings.Repeat("日", 22):       strings.Repeat("日", 21),
		"x" + strings.Repeat("日", 22): "x" + strings.Repeat("日", 21),
	} {
		if got := member.CutName(given); got != want {
			t.Errorf("%q was cut to %q, want %q", given, got, want)
		}
	}
}

func FuzzParseMeta(f *testing.F) {
	f.Add(member.Meta{Stage: member.Active, Epoch: 7, Protocol: 1, Name: "node"}.Append(nil))
	f.Add([]byte{1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 200, 'a'})
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := member.ParseMeta(b)
		if err != nil {
			return
		}
		again := m.Append(nil)
		if len(again) > 76 || !utf8.ValidString(m.Name) || m.Stage > member.Draining {
			t.Fatalf("%+v in %d bytes", m, len(again))
		}
		if back, err := member.ParseMeta(again); err != nil || back != m {
			t.Fatalf("%+v came back as %+v, %v", m, back, err)
		}
	})
}
