package hub_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"anode/actors/hub"
	"anode/actors/internal/sessiontest"
	"anode/messages"
	"anode/messages/command"
	"anode/messages/wire"
	"anode/testkit/storagetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// place is one test's world with an origin whose batches it stores.
type place struct {
	*sessiontest.World
	t *testing.T
	a *storagetest.Origin
}

// in runs a test in a world in virtual time.
func in(t *testing.T, cfg hub.Config, test func(t *testing.T, p *place)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		p := &place{World: sessiontest.NewWorld(t, sessiontest.Config{Hub: cfg}), t: t, a: storagetest.NewOrigin("a", 1, time.Now().UnixMilli())}
		defer p.Stop()
		test(t, p)
	})
}

// live stores a batch that has one record of each "stream key data" as the origin a's next.
func (p *place) live(records ...string) { p.Store(true, p.next(records...)) }

func (p *place) next(records ...string) wire.Sealed {
	p.t.Helper()
	return p.a.Next(p.t, drafts(records...)...)
}

func drafts(records ...string) []messages.Draft {
	list := make([]messages.Draft, len(records))
	for i, text := range records {
		f := strings.Fields(text)
		list[i] = messages.Draft{Stream: messages.Stream(f[0]), Key: f[1], NativeID: f[2], Payload: []byte(`"` + f[2] + `"`)}
	}
	return list
}

// settle lets everything come to rest, and reads.
func settle(clients ...*sessiontest.Client) {
	for range 3 {
		time.Sleep(30 * time.Millisecond)
		synctest.Wait()
		for _, c := range clients {
			c.Read(64 << 20)
		}
	}
}

// data is what a subscription got, in order.
func data(r *sessiontest.Received) string {
	var list []string
	for _, d := range r.Data {
		list = append(list, strings.Trim(string(d), `"`))
	}
	return strings.Join(list, " ")
}

func wants(t *testing.T, what, got, want string) {
	t.Helper()
	if got != want {
		t.Errorf("%s: got %q, want %q", what, got, want)
	}
}

// all subscribes to everything from a start.
func all(start command.Start) command.Subscribe {
	return command.Subscribe{Streams: []string{">"}, Start: start}
}

// big is a record of about so many bytes.
func big(stream string, n int) messages.Draft {
	return messages.Draft{Stream: messages.Stream(stream), NativeID: fmt.Sprint(n), Payload: []byte(`"` + strings.Repeat("p", n) + `"`)}
}

func cursor(t *testing.T, list ...string) *messages.Cursor {
	t.Helper()
	c, err := messages.ParseCursor(list)
	if err != nil {
		t.Fatal(err)
	}
	return &c
}

func position(t *testing.T, text string) messages.Position {
	t.Helper()
	p, err := messages.ParsePosition(text)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func rangeOf(from, to uint64) messages.Range { return messages.Range{From: from, To: to} }
