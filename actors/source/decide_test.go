package source

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"anode/actors/source/transform"
	"anode/messages"
	"anode/messages/command"
	"anode/messages/spec"
)

func TestOnlyWhatIsSurelyNotStoredIsTakenBack(t *testing.T) {
	var w window
	for _, err := range []error{nil, command.ErrStorageFull, command.ErrUnconfirmed, command.ErrUnavailable} {
		if err := w.enter(t.Context(), 1); err != nil {
			t.Fatal(err)
		}
		w.leave(1, []messages.Draft{{Key: fmt.Sprint(err)}}, err)
	}
	lost, err := w.takeLost()
	if len(lost) != 2 || lost[0].Key != command.ErrStorageFull.Error() || lost[1].Key != command.ErrUnavailable.Error() {
		t.Errorf("taken back: %+v", lost)
	}
	if !storageFailed(err) || !storageFailed(command.ErrUnconfirmed) {
		t.Errorf("%v is not the journal's", err)
	}
}

func TestPolicy(t *testing.T) {
	failed := ending{err: errors.New("x")}
	grow := policy{backoff: spec.Backoff{Min: spec.Duration(time.Second), Max: spec.Duration(8 * time.Second)}}
	for i, most := range []time.Duration{1, 2, 4, 8, 8, 8} {
		most *= time.Second
		p, high := grow, time.Duration(0)
		for range 300 {
			p = grow
			pause, why := p.next(failed)
			if high = max(high, pause); why == nil {
				t.Fatal("no reason")
			}
		}
		if high > most || high < most*9/10 {
			t.Errorf("failure %d pauses up to %s, want nearly %s", i+1, high, most)
		}
		grow = p
	}
	for name, c := range map[string]struct {
		e        ending
		failures int
	}{
		"a connection that worked":     {ending{err: errors.New("x"), good: true}, 1},
		"one that lasted":              {ending{err: errors.New("x"), lived: 8 * time.Second}, 1},
		"one that did not":             {failed, 7},
		"an end in order without data": {ending{lived: time.Second}, 7},
		"an end in order with data":    {ending{data: true, good: true, lived: time.Second}, 0},
		"with words":                   {ending{err: &EndedInOrder{"bye"}, data: true, lived: time.Second}, 0},
		"data that is late":            {ending{err: &late{clockData, time.Second}}, 6},
	} {
		p := grow
		p.failures = 6
		pause, why := p.next(c.e)
		if p.failures != c.failures {
			t.Errorf("%s makes %d failures in a row, want %d", name, p.failures, c.failures)
		}
		if c.failures == 0 && (pause != 0 || why != nil) {
			t.Errorf("%s pauses %s for %v", name, pause, why)
		}
	}
	p := grow
	if pause, _ := p.next(ending{err: &AskedToWait{errors.New("x"), time.Hour}}); pause != time.Hour {
		t.Errorf("asked for an hour, it pauses %s", pause)
	}
	if pause, _ := p.next(ending{err: &AskedToWait{errors.New("x"), 1000 * time.Hour}}); pause != mostWait {
		t.Errorf("asked for too long, it pauses %s", pause)
	}
}

func TestClocks(t *testing.T) {
	l := spec.Liveness{Transport: spec.Duration(10), Protocol: spec.Duration(20)}
	for name, c := range map[string]struct {
		dataWait time.Duration
		signs    signs
		now      int64
		late     string
		wait     time.Duration
	}{
		"counted from the beginning":           {0, signs{begun: 100}, 105, "", 5},
		"nothing ever came":                    {0, signs{begun: 100}, 110, clockTransport, 0},
		"signs of an earlier connection":       {0, signs{begun: 100, transport: 50}, 109, "", 1},
		"bytes that make no message":           {0, signs{begun: 100, transport: 119}, 120, clockProtocol, 0},
		"messages that make no record":         {30, signs{begun: 100, stood: 100, transport: 129, protocol: 129}, 130, clockData, 0},
		"the soonest counts":                   {30, signs{begun: 100, stood: 100, transport: 119, protocol: 119, data: 100}, 120, "", 9},
		"no sign is awaited between polls":     {0, signs{begun: 100, quietUntil: 500}, 400, "", 110},
		"data is awaited since it stands":      {30, signs{begun: 100, stood: 109, transport: 125, protocol: 125}, 130, "", 5},
		"no data before it stands":             {5, signs{begun: 100, data: 50}, 106, "", 4},
		"data is awaited between polls":        {30, signs{begun: 100, stood: 100, quietUntil: 500}, 130, clockData, 0},
		"a wait begins the clocks of any sign": {30, signs{begun: 100, heldUntil: 125, stood: 100, data: 120}, 130, "", 5},
		"a wait only stops the clock of data":  {30, signs{begun: 100, heldUntil: 139, transport: 139, protocol: 139, stood: 100, data: 105, waited: 5}, 140, clockData, 0},
		"data, the only clock of its silence":  {30, signs{begun: 100, stood: 100, transport: 125, protocol: 125, data: 120}, 126, "", 9},
	} {
		of, wait := check(l, c.dataWait, c.signs, c.now)
		name1 := ""
		if of != nil {
			name1 = of.clock
		}
		if name1 != c.late || wait != c.wait {
			t.Errorf("%s: %q in %d, want %q in %d", name, name1, wait, c.late, c.wait)
		}
	}
	if of, wait := check(spec.Liveness{}, 0, signs{}, 1e18); of != nil || wait != 0 {
		t.Errorf("no clock is late: %v %s", of, wait)
	}
}

func TestMeter(t *testing.T) {
	var m meter
	at := func(s float64) time.Time { return time.UnixMilli(1e12 + int64(s*1000)) }
	for s := range 30 {
		m.add(at(float64(s)), 100)
	}
	if r := m.rate(at(30.2)); r != 100 {
		t.Errorf("a steady 100/s is %v", r)
	}
	if r := m.rate(at(35.5)); r != 50 {
		t.Errorf("half of the span is %v", r)
	}
	if r := m.rate(at(100)); r != 0 {
		t.Errorf("silence is %v", r)
	}
	m.add(at(50), 7) // a clock that went back
	if r := m.rate(at(101)); r != 0.7 {
		t.Errorf("after a step of the clock it is %v", r)
	}
	var young meter
	young.add(at(0), 30)
	young.add(at(1), 30)
	young.add(at(2), 30)
	if r := young.rate(at(3)); r != 30 {
		t.Errorf("three seconds of 30/s are %v", r)
	}
}

func TestBucket(t *testing.T) {
	b := newBucket(3, 2)
	now := time.UnixMilli(1e12)
	passed := 0
	for range 10 {
		if b.take(now) {
			passed++
		}
	}
	if wait := b.wait(now); passed != 3 || wait < 499*time.Millisecond || wait > 501*time.Millisecond {
		t.Errorf("%d passed, the next in %s", passed, wait)
	}
	if !b.take(now.Add(501*time.Millisecond)) || b.take(now.Add(502*time.Millisecond)) {
		t.Error("half a second lets one pass")
	}
}

func TestHosts(t *testing.T) {
	for _, c := range []struct {
		pattern, host string
		want          bool
	}{
		{"api.example.com", "api.example.com:443", true},
		{"api.example.com", "API.example.com", true},
		{"api.example.com", "evil.com", false},
		{"api.example.com", "api.example.com.evil.com", false},
		{"*.example.com", "a.b.example.com", true},
		{"*.example.com", "example.com", false},
		{"*.example.com", "notexample.com", false},
		{"*", "example.com", false},
		{"api.example.com:8443", "api.example.com:8443", true},
		{"api.example.com:8443", "api.example.com", false},
		{"[::1]", "[::1]:80", true},
		{"[::1]:80", "[::1]:80", true},
		{"127.0.0.1", "127.0.0.1:9", true},
	} {
		if got := hostMatches(c.pattern, strings.ToLower(c.host)); got != c.want {
			t.Errorf("%s and %s: %v", c.pattern, c.host, got)
		}
	}
}

func TestSecretsFaults(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{"empty": "\n", "large": strings.Repeat("x", maxSecret+10), "file": "from a file\r\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(filepath.Join(dir, "folder"), 0o700); err != nil {
		t.Fatal(err)
	}
	s := Secrets{Dir: dir, Getenv: func(name string) string {
		return map[string]string{"ANODE_SECRET_FILE": "env", "ANODE_SECRET_A_B_C": "abc"}[name]
	}}
	for name, want := range map[string]string{
		"file": "from a file", "a.b-c": "abc", "empty": "is empty", "large": "more than", "folder": "it is no file", "none": "variable ANODE_SECRET_NONE",
	} {
		value, err := s.get(name, "x")
		if err != nil {
			value = err.Error()
		}
		if !strings.Contains(value, want) || strings.Contains(value, dir) {
			t.Errorf("%s gives %.80q, want %q", name, value, want)
		}
	}
	if _, err := (Secrets{}).get("x", "y"); err == nil {
		t.Error("nothing gives a secret")
	}
}

func TestHide(t *testing.T) {
	var h hidden
	for _, secret := range []string{"abc", "pass word/1+\"", "pass word/1+\"2"} {
		h.note(secret)
	}
	h.note("a-key-of-a-feed")
	h.notePassing("a-key-of-a-feed:and-its-tail")
	for text, want := range map[string]string{
		"x a-key-of-a-feed:and-its-tail y": "x *** y",
		`a pass word/1+" b`:                "a *** b", "q=pass+word%2F1%2B%22": "q=***", "q=pass%20word%2F1%2B%22": "q=***",
		`{"k":"pass word/1+\"2"}`: `{"k":"***"}`, "abc": "abc",
	} {
		if got := h.hide(text); got != want {
			t.Errorf("%s is shown as %s", text, got)
		}
	}
}

func TestWhatIsComputedOfSecretsIsHidden(t *testing.T) {
	var h hidden
	h.notePassing("a-token-of-a-server")
	for i := range 2 * mostPassing {
		h.noteComputed(fmt.Sprintf("signature-%d", i))
	}
	h.noteComputed("yes")
	h.noteComputed(json.Number("12345678"))
	h.noteComputed(map[string]any{"op": "subscribe", "args": []any{"dXNlcjpwYXNzd29yZA=="}})
	for text, want := range map[string]string{
		"signature-255": "***", "a-token-of-a-server": "***", "yes 12345678 subscribe": "yes 12345678 subscribe", `{"a":"dXNlcjpwYXNzd29yZA=="}`: `{"a":"***"}`,
	} {
		if got := h.hide(text); got != want {
			t.Errorf("%s is shown as %s", text, got)
		}
	}
	if len(h.computed) != mostPassing {
		t.Errorf("%d are remembered", len(h.computed))
	}
}

func TestReportsCutAtCharacters(t *testing.T) {
	b := newBoard("a.b", time.Now())
	frame := []byte(strings.Repeat("é", 3000))
	d := errorDraft(b, &transform.Failure{Reason: "why", Frame: frame[:1+maxFrame], Size: len(frame)}, &hidden{})
	if d.Stream != "$errors.a.b" || !strings.Contains(string(d.Payload), `"size":6000`) || strings.Contains(string(d.Payload), "base64") || len(d.Payload) > maxFrame+100 {
		t.Errorf("%s %s", d.Stream, d.Payload)
	}
	if d := errorDraft(b, &transform.Failure{Reason: "why", Frame: append([]byte("x"), frame[:maxFrame]...), Size: len(frame)}, &hidden{}); strings.Contains(string(d.Payload), "base64") {
		t.Errorf("a cut character made it bytes: %.100s", d.Payload)
	}
	if d := errorDraft(b, &transform.Failure{Reason: "why", Frame: []byte{0xff, 0}, Size: 2}, &hidden{}); !strings.Contains(string(d.Payload), `"frame_base64":"/wA="`) {
		t.Errorf("%s", d.Payload)
	}
	b = newBoard(strings.Repeat("a.", 20)+"a", time.Now())
	var h hidden
	h.note("topsecret")
	for what, frame := range map[string]string{
		"a text": "a topsecret b", "no text": "\xff topsecret", "a text that is cut in it": strings.Repeat("x", maxFrame-5) + "topsecret",
		"no text, cut in it": "\xff" + strings.Repeat("x", maxFrame-9) + "topsecret",
	} {
		var data errorReport
		if err := json.Unmarshal(errorDraft(b, &transform.Failure{Reason: "why", Frame: []byte(frame), Size: len(frame)}, &h).Payload, &data); err != nil {
			t.Fatal(err)
		}
		shown := string(data.FrameBase64)
		if data.Frame != nil {
			shown = *data.Frame
		}
		if strings.Contains(shown, "tops") || !strings.Contains(shown, "***") {
			t.Errorf("%s shows a secret: …%q", what, shown[max(0, len(shown)-20):])
		}
	}
	if d := errorDraft(b, &transform.Failure{Reason: "", Frame: nil, Size: 0}, &hidden{}); strings.Count(string(d.Stream), ".") != 1 {
		t.Errorf("%s has too many tokens", d.Stream)
	}
}

func TestStreamsOf(t *testing.T) {
	for template, want := range map[string]string{"a.b": "a.b", "m.{s}": "m.*", "m.{s}-x.{[0]}.y": "m.*.*.y", "{a}": "*"} {
		if got := streamsOf(template); string(got) != want {
			t.Errorf("%s gives %s, want %s", template, got, want)
		}
	}
}

func TestEachStateIsShownOnce(t *testing.T) {
	seen := make(map[string]bool)
	for _, s := range states() {
		seen[s] = true
	}
	for _, s := range []string{command.SourcePending, command.SourceConnecting, command.SourceRunning, command.SourceStale, command.SourceBackoff, command.SourcePaused, command.SourceFailed} {
		if !seen[s] {
			t.Errorf("%s is no state", s)
		}
	}
}
