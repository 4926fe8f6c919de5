package registry

import (
	"testing"
	"time"

	"anode/messages/command"
	"anode/messages/spec"
)

// A source that is registered where its removal was forgotten is another registration: it takes up nothing of the
// earlier one.
func TestARegistrationIsNamedOnce(t *testing.T) {
	s, err := spec.Parse([]byte(`{"name":"x","kind":"rest","url":"http://x/"}`), false)
	if err != nil {
		t.Fatal(err)
	}
	var born []string
	for i := range 2 {
		d := &decider{sources: newSources(), node: "n", now: time.UnixMilli(int64(1000 + i))} // nothing is known of the earlier one
		events, err := d.put(s, &command.PutSource{})
		if err != nil || len(events) != 1 {
			t.Fatal(events, err)
		}
		born = append(born, events[0].Born)
	}
	if born[0] == born[1] || born[0] == "" {
		t.Errorf("registered as %q", born)
	}
}

// A node is told to resume what it does not know to be paused, as another node did that just now: the later wish wins on both.
func TestTheLaterOfPauseAndResumeHoldsThoughNeitherIsHeardOf(t *testing.T) {
	s, err := spec.Parse([]byte(`{"name":"x","kind":"rest","url":"http://x/"}`), false)
	if err != nil {
		t.Fatal(err)
	}
	now := time.UnixMilli(10_000_000)
	for _, resume := range []bool{true, false} {
		a := &decider{sources: newSources(), node: "z", now: now, peers: true}
		b := &decider{sources: newSources(), node: "b", now: now.Add(2 * time.Millisecond), peers: true}
		decide := func(list []*event, err error) *event {
			t.Helper()
			if err != nil || len(list) != 1 {
				t.Fatal(list, err)
			}
			return list[0]
		}
		put := decide(a.put(s, &command.PutSource{}))
		a.sources.apply(put)
		b.sources.apply(put)
		a.now = now.Add(time.Millisecond)
		first := decide(a.pause(&command.PauseSource{Name: "x", Resume: !resume}))
		then := decide(b.pause(&command.PauseSource{Name: "x", Resume: resume}))
		for _, d := range []*decider{a, b} {
			d.sources.apply(first)
			d.sources.apply(then)
			if paused := d.sources.get("x").paused(); paused == resume {
				t.Errorf("at %s it is paused: %v, after %s and %s", d.node, paused, first.version(), then.version())
			}
		}
	}
}

// So it is of two specs: the one that is put last holds, also where it is the one that this node has.
func TestThePutThatIsLaterHoldsThoughTheOtherIsNotHeardOf(t *testing.T) {
	now := time.UnixMilli(10_000_000)
	a := &decider{sources: newSources(), node: "z", now: now, peers: true}
	b := &decider{sources: newSources(), node: "b", now: now.Add(2 * time.Millisecond), peers: true}
	put := func(d *decider, url string) *event {
		t.Helper()
		s, err := spec.Parse([]byte(`{"name":"x","kind":"rest","url":"`+url+`"}`), false)
		if err != nil {
			t.Fatal(err)
		}
		list, err := d.put(s, &command.PutSource{Replace: true})
		if err != nil || len(list) != 1 {
			t.Fatal(list, err)
		}
		return list[0]
	}
	first := put(a, "http://x/1")
	a.sources.apply(first)
	b.sources.apply(first)
	a.now = now.Add(time.Millisecond)
	other, again := put(a, "http://x/2"), put(b, "http://x/1")
	for _, d := range []*decider{a, b} {
		d.sources.apply(other)
		d.sources.apply(again)
		if at := d.sources.get("x"); at.parsed.URL != "http://x/1" || at.spec.Born != first.Born {
			t.Errorf("at %s it is of %s, born %s", d.node, at.parsed.URL, at.spec.Born)
		}
	}
}

func TestANodeAloneWritesNoEventThatChangesNothing(t *testing.T) {
	s, err := spec.Parse([]byte(`{"name":"x","kind":"rest","url":"http://x/"}`), false)
	if err != nil {
		t.Fatal(err)
	}
	d := &decider{sources: newSources(), node: "n", now: time.UnixMilli(1000)}
	list, err := d.put(s, &command.PutSource{})
	if err != nil {
		t.Fatal(err)
	}
	d.sources.apply(list[0])
	if list, err := d.pause(&command.PauseSource{Name: "x", Resume: true}); err != nil || len(list) != 0 {
		t.Errorf("%v %v", list, err)
	}
	if list, err := d.put(s, &command.PutSource{Replace: true}); err != nil || len(list) != 0 {
		t.Errorf("%v %v", list, err)
	}
}
