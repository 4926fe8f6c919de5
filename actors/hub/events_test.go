package hub_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"anode/actors/hub"
	"anode/actors/internal/sessiontest"
	"anode/messages/command"
)

// TestEvents is the stream of server-sent events: a record an event, after each write an id-only block
// with the whole cursor, a gap as its event, a comment every 15 s.
func TestEvents(t *testing.T) {
	in(t, hub.Config{}, func(t *testing.T, p *place) {
		p.live("s.a k 1")
		out := sessiontest.NewPipe(1<<20, true)
		session := p.Open(out)
		ask := command.Subscribe{Sub: "0", Streams: []string{"s.*"}, Start: command.Start{After: cursor(t, "@0")}}
		if err := session.Ask(t.Context(), ask); err != nil {
			t.Fatal(err)
		}
		time.Sleep(100 * time.Millisecond)
		// Where it begins may be told before what is there, or with it.
		first := strings.TrimPrefix(string(out.Take(1<<20)), "id: @0\n\n")
		p.live("s.b k 2", "s.b k 3", "t.a k 4")
		time.Sleep(100 * time.Millisecond)
		second := string(out.Take(1 << 20))
		run := p.a.Run(t, 3)
		p.Store(true, run[0], run[2])
		time.Sleep(100 * time.Millisecond)
		p.GiveUp("a", 1, rangeOf(4, 4))
		time.Sleep(100 * time.Millisecond)
		// What comes behind the gap may be told with it or with the heartbeat.
		time.Sleep(16 * time.Second)
		third := events(t, string(out.Take(1<<20)))
		if !strings.HasPrefix(third, "gap a-1-3-1024 a-1-4-1024 | id a-1-") || !strings.Contains(third, "| id a-1-5-0,@0") || strings.Count(third, ":") != 1 || strings.Contains(third, "data") {
			t.Errorf("the third: got %q", third)
		}
		for _, test := range []struct{ what, got, want string }{
			{"the first", first, "data a-1-1-0 | id a-1-1-0,@0"},
			{"the second", second, "data a-1-2-0 | data a-1-2-1 | id a-1-2-2,@0"},
		} {
			wants(t, test.what, events(t, test.got), test.want)
		}
		session.Hangup()
	})
}

// events tells a stream's events in short.
func events(t *testing.T, text string) string {
	t.Helper()
	var list []string
	for _, block := range strings.Split(strings.TrimSuffix(text, "\n\n"), "\n\n") {
		switch {
		case block == ":" || block == "":
			list = append(list, block)
		case strings.HasPrefix(block, "id: "):
			list = append(list, "id "+strings.TrimPrefix(block, "id: "))
		case strings.HasPrefix(block, "event: gap\ndata: {"):
			from, to, _ := strings.Cut(block, `","to":"`)
			list = append(list, fmt.Sprint("gap ", from[strings.LastIndex(from, `"`)+1:], " ", to[:strings.Index(to, `"`)]))
		case strings.HasPrefix(block, `data: {"id":"`):
			id, _, _ := strings.Cut(strings.TrimPrefix(block, `data: {"id":"`), `"`)
			list = append(list, "data "+id)
		default:
			t.Errorf("unknown event %q", block)
		}
	}
	return strings.Join(list, " | ")
}
