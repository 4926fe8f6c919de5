package node

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"math"
	"slices"
	"strings"
	"testing"

	"anode/actors/placement"
	"anode/messages/command"
	"anode/messages/spec"
)

// A node speaks for the sources that it was asked about, and for no other; who owns them it does not say.
func TestOfAnAnswerAboutSourcesCountsWhatWasAskedFor(t *testing.T) {
	long := strings.Repeat("x", 1<<20)
	r := reply{Statuses: map[string]command.SourceStatus{
		"a":   {State: command.SourceRunning, Why: "because", Owners: nil, LastError: long, Hint: "h\xff", Resume: &command.SourceResume{Cursor: long, Turn: 3}},
		"b":   {State: command.SourceFailed},
		"odd": {State: long},
		"":    {},
	}}
	list := r.statuses([]string{"a", "c", "odd", ""})
	a := list["a"]
	if len(list) != 1 || a.State != command.SourceRunning || a.Why != "" {
		t.Fatalf("%d: %+v", len(list), a.State)
	}
	if len(a.LastError) > mostDetail+3 || a.Hint != "h�" || a.Resume.Cursor != "" || a.Resume.Turn != 3 {
		t.Errorf("what it says of it: %d bytes, %q, %+v", len(a.LastError), a.Hint, a.Resume)
	}
}

func TestWhatANodeSaysOfSourcesIsInTheOrderInWhichItWasAsked(t *testing.T) {
	asked := []string{"a", "b"}
	for _, said := range [][]placement.Said{nil, {1}, {1, 2, 3}} {
		r := reply{Said: said}
		if list, err := r.said(asked); !errors.Is(err, command.ErrUnavailable) {
			t.Errorf("%d of 2: %v, %v", len(said), list, err)
		}
	}
	r := reply{Said: []placement.Said{placement.SaidRunning, 200}}
	if list, err := r.said(asked); err != nil || list[0] != placement.SaidRunning || list[1] != placement.SaidNothing {
		t.Errorf("%v, %v", list, err)
	}
}

func TestAnErrorOfAnotherNodeKeepsItsMeaning(t *testing.T) {
	for _, kind := range []error{command.ErrNotFound, command.ErrUnavailable, command.ErrConflict, command.ErrTooMany, command.ErrInvalid} {
		_, err := readReply(told(fmt.Errorf("%w: in words", kind)))
		if !errors.Is(err, kind) || !strings.HasSuffix(err.Error(), ": in words") {
			t.Errorf("%v came as %v", kind, err)
		}
	}
	var faults spec.Faults
	if _, err := readReply(told(fmt.Errorf("a: %w", spec.Faults{{Path: "/url", Message: "no"}}))); !errors.As(err, &faults) || faults[0].Path != "/url" {
		t.Errorf("the faults of a spec came as %v", err)
	}
	_, err := readReply(reply{Error: &fault{Code: "new", Detail: strings.Repeat("x", 1<<20)}}.encode())
	if !errors.Is(err, command.ErrUnavailable) || len(err.Error()) > mostDetail+3 {
		t.Errorf("one that is not known: %.80v", err)
	}
}

// A peer's words are anything.
func FuzzAnswers(f *testing.F) {
	for _, r := range []reply{
		{},
		{Opened: true},
		{Error: &fault{Code: "too_many", Detail: "x"}},
		{Said: []placement.Said{0, 3, 9}},
		{Statuses: map[string]command.SourceStatus{"a": {State: command.SourceRunning}, "c": {State: command.SourceFailed}}},
		{Trial: &command.Trial{Frames: []command.Frame{{Skipped: 1}}, Records: []json.RawMessage{json.RawMessage("1")}, RecordFrames: []int{0}, Dropped: []command.TrialDrop{{Index: -1}}}},
	} {
		f.Add(r.encode())
	}
	for _, text := range []string{`{"skipped":18446744073709551615}`, `{"received":"2026-11-22T10:00:00Z","dir":"in","text":"1"}`, `{"dir":"in"}`, `{"error":{}}`, ``, `[]`} {
		f.Add([]byte(text))
	}
	asked := []string{"a", "b", "c"}[:2]
	f.Fuzz(func(t *testing.T, text []byte) {
		far := newFarFrames(func() {})
		for range 3 {
			if err := far.take(text); err != nil && len(err.Error()) > mostSpecFaults*(2*mostDetail+20) {
				t.Errorf("an error of %d bytes", len(err.Error()))
			}
		}
		if len(far.waiting) > 3 {
			t.Errorf("%d frames wait", len(far.waiting))
		}
		r, err := readReply(text)
		if err != nil {
			return
		}
		if said, err := r.said(asked); err == nil && (len(said) != 2 || said[0] > placement.SaidRunning || said[1] > placement.SaidRunning) {
			t.Errorf("said %v", said)
		}
		for name, status := range r.statuses(asked) {
			if name != "a" && name != "b" || status.State == "" || status.Owners != nil || len(status.LastError) > mostDetail+3 {
				t.Errorf("of %q it is said %+v", name, status)
			}
		}
		if view, err := r.trial(5); err == nil {
			if len(view.Records) > 5 || len(view.RecordFrames) != len(view.Records) {
				t.Errorf("%d records, %d places", len(view.Records), len(view.RecordFrames))
			}
			for _, at := range view.RecordFrames {
				if at < -1 || at >= len(view.Frames) {
					t.Errorf("a record is of frame %d of %d", at, len(view.Frames))
				}
			}
		}
	})
}

func TestWhatWaitsOfAnotherNodesFramesIsBounded(t *testing.T) {
	far := newFarFrames(func() {})
	far.put(command.Frame{Dir: command.FrameIn}, 2*mostFarBytes) // the first waits whatever it is
	far.put(command.Frame{Dir: command.FrameIn}, 1)
	far.put(command.Frame{Skipped: math.MaxUint64}, 1)
	far.put(command.Frame{Skipped: 5}, 1)
	if f, ok := far.next(); !ok || f.Dir != command.FrameIn {
		t.Fatalf("%+v", f)
	}
	if f, ok := far.next(); !ok || f.Skipped != math.MaxUint64 {
		t.Fatalf("what was left out is %d", f.Skipped)
	}
	for range mostFar + 7 {
		far.put(command.Frame{Dir: command.FrameIn}, 1)
	}
	for range mostFar {
		if f, ok := far.next(); !ok || f.Skipped > 0 {
			t.Fatalf("%+v", f)
		}
	}
	if f, ok := far.next(); !ok || f.Skipped != 7 {
		t.Errorf("%d were left out, want 7", f.Skipped)
	}
	if _, ok := far.next(); ok || far.bytes != 0 {
		t.Errorf("%d bytes wait of nothing", far.bytes)
	}
}

func TestAPeerHasSoManyFramesOpenAndNoMore(t *testing.T) {
	var g guests
	var leave func()
	for range mostFrames {
		out, err := g.enter("a", askFrames)
		if err != nil {
			t.Fatal(err)
		}
		leave = out
	}
	if _, err := g.enter("a", askFrames); !errors.Is(err, command.ErrTooMany) {
		t.Errorf("one more: %v", err)
	}
	for _, other := range []guest{{"b", askFrames}, {"a", askTry}} {
		if _, err := g.enter(other.node, other.ask); err != nil {
			t.Errorf("%v: %v", other, err)
		}
	}
	leave()
	if _, err := g.enter("a", askFrames); err != nil {
		t.Errorf("after one left: %v", err)
	}
}

// told is the last part of an answer that failed.
func told(err error) []byte {
	n := &Node{log: slog.New(slog.DiscardHandler)}
	return n.ended("peer", err)
}

// What is a node's fault may name its files and addresses: its peers, and who asks them, are told no more of it than who asks the node itself.
func TestTheCausesOfAFaultStayInTheNode(t *testing.T) {
	secret := &fs.PathError{Op: "open", Path: "/var/lib/anode/journal/7", Err: fs.ErrPermission}
	for name, c := range map[string]struct {
		err  error
		want string
		kind error
	}{
		"of no kind":                     {fmt.Errorf("append: %w", secret), "the node that was asked failed to answer; its log says why", command.ErrUnavailable},
		"a cause of what is unavailable": {fmt.Errorf("%w: the registry can't be saved: %w", command.ErrUnavailable, secret), "unavailable: the registry can't be saved", command.ErrUnavailable},
		"two that are joined":            {errors.Join(command.ErrUnavailable, secret), "unavailable", command.ErrUnavailable},
		"in its own words":               {fmt.Errorf("%w: it is starting", command.ErrUnavailable), "unavailable: it is starting", command.ErrUnavailable},
		"who asks is at fault":           {fmt.Errorf("%w: source x: %w", command.ErrNotFound, errors.New("gone")), "not found: source x: gone", command.ErrNotFound},
	} {
		_, err := readReply(told(c.err))
		if !errors.Is(err, c.kind) || strings.TrimSpace(err.Error()) != c.want {
			t.Errorf("%s: %v, want %s", name, err, c.want)
		}
	}
}

// A question about as many sources as may be has room for the longest names.
func TestTheLongestQuestionCanBeRead(t *testing.T) {
	longest := strings.Repeat("s", 63)
	if !spec.Named(longest) || spec.Named(longest+"s") {
		t.Fatal("it is not the longest name")
	}
	text, err := json.Marshal(question{Version: questionVersion, Ask: askSay, Sources: slices.Repeat([]string{longest}, mostAbout)})
	if err != nil || len(text) > mostQuestion {
		t.Errorf("it has %d bytes, and %d are read: %v", len(text), mostQuestion, err)
	}
}
