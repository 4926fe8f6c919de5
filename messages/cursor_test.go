package messages_test

import (
	"encoding/json"
	"errors"
	"slices"
	"testing"

	"anode/messages"
)

func TestCursorTexts(t *testing.T) {
	for text, want := range map[string]string{
		"": "", "a-1-2-3": "a-1-2-3", "b-1-1-1,a-1-1-1": "a-1-1-1,b-1-1-1", "a-1-2-3,a-1-10-0,a-1-9-9": "a-1-10-0",
		"@5,a-1-1-1": "a-1-1-1,@5", "@0": "@0", "a-1-1-9999": "a-1-1-1024",
	} {
		c, err := messages.ParseCursorText(text)
		if err != nil || c.String() != want {
			t.Errorf("%q: %q, %v, want %q", text, c, err, want)
		}
	}
	for _, text := range []string{",", "a", "a-1-1-1,", "@", "@-1", "@x", "@1,@2", "@281474976710656", "a-1-1-1 ,b-1-1-1"} {
		if c, err := messages.ParseCursorText(text); !errors.Is(err, messages.ErrCursor) {
			t.Errorf("%q: %q, %v", text, c, err)
		}
	}
}

func TestCursorOnlyAdvances(t *testing.T) {
	var c messages.Cursor
	at := func(text string) messages.Position {
		p, err := messages.ParsePosition(text)
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	if c.Covers(at("a-0-0-0")) {
		t.Error("the empty cursor covers something")
	}
	if !c.Advance(at("a-2-1-0")) || c.Advance(at("a-1-9-9")) || c.Advance(at("a-2-1-0")) || !c.Advance(at("a-2-1-1")) {
		t.Errorf("it moved wrongly to %s", c)
	}
	clone := c.Clone()
	clone.Advance(at("b-1-1-1"))
	if c.Len() != 1 || !c.Covers(at("a-2-1-1")) || c.Covers(at("a-2-1-2")) || c.Covers(at("b-0-0-0")) {
		t.Errorf("it is %s", c)
	}
	c.Merge(clone)
	if c.Len() != 2 {
		t.Errorf("merged it is %s", c)
	}
}

func TestCursorJSON(t *testing.T) {
	var c messages.Cursor
	if text, err := json.Marshal(c); err != nil || string(text) != "[]" {
		t.Errorf("%s, %v", text, err)
	}
	if err := json.Unmarshal([]byte(`["a-1-1-1","@7"]`), &c); err != nil || !slices.Equal(c.List(), []string{"a-1-1-1", "@7"}) {
		t.Errorf("%s, %v", c, err)
	}
	for _, text := range []string{`{}`, `"a-1-1-1"`, `[1]`, `["x"]`} {
		if err := json.Unmarshal([]byte(text), &c); !errors.Is(err, messages.ErrCursor) {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func FuzzCursorText(f *testing.F) {
	f.Add("a-1-2-3,b-1-1-1,@5")
	f.Fuzz(func(t *testing.T, text string) {
		c, err := messages.ParseCursorText(text)
		if err != nil {
			return
		}
		again, err := messages.ParseCursorText(c.String())
		if err != nil || again.String() != c.String() {
			t.Fatalf("%q is %s, and again %s, %v", text, c, again, err)
		}
	})
}
