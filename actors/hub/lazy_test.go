package hub

import (
	"log/slog"
	"strings"
	"testing"
	"time"

	"anode/messages"
	"anode/messages/command"
	"anode/messages/wire"
	"anode/storage"
	"anode/storage/memory"
	"anode/testkit/storagetest"
)

// stand is a hub whose loop is driven by hand, and an origin whose batches it is told of.
type stand struct {
	t       *testing.T
	hub     *Hub
	loop    *loop
	journal *memory.Journal
	origin  *storagetest.Origin
}

func newStand(t *testing.T) *stand {
	s := &stand{t: t, journal: memory.NewJournal(memory.Config{}), origin: storagetest.NewOrigin("a", 1, time.Now().UnixMilli())}
	var err error
	s.hub, err = New(Config{Journal: s.journal, Logger: slog.New(slog.DiscardHandler), Clock: time.Now, Loops: 1, Nodes: func() []string { return nil }})
	if err != nil {
		t.Fatal(err)
	}
	s.loop = s.hub.loops[0]
	s.loop.begin()
	return s
}

func (s *stand) store() wire.Sealed {
	s.t.Helper()
	b := s.origin.Next(s.t, messages.Draft{Stream: "s", Payload: []byte("1")})
	if _, err := s.journal.Append(storage.Live, []wire.Sealed{b}); err != nil {
		s.t.Fatal(err)
	}
	s.hub.Announce(command.Stored{Batches: []command.StoredBatch{{Sealed: b, Live: true}}})
	return b
}

// subscribe begins a live subscription.
func (s *stand) subscribe(out command.Outlet, told func(any) bool) command.Feed {
	f := s.loop.open(out, "test").Subscribe(command.Subscription{Sub: "1", Streams: []messages.Pattern{">"}, Told: told})
	f.BeginLive(messages.Cursor{})
	return f
}

func (s *stand) work() {
	s.loop.work()
	s.loop.flush(time.Now())
}

// Nothing is opened, queued, or woken for what nobody is subscribed to.
func TestNobodySubscribed(t *testing.T) {
	s := newStand(t)
	s.loop.open(&sink{}, "publisher")
	s.work()
	<-s.loop.wake
	var last wire.Sealed
	for range 3 {
		last = s.store()
	}
	if n, woken := s.loop.waiting(), len(s.loop.wake); n != 0 || woken != 0 {
		t.Errorf("%d queued, woken %d times", n, woken)
	}
	if s.hub.at["a"] != last.Position().BatchEnd() {
		t.Errorf("the hub is at %s", s.hub.at["a"])
	}
	s.loop.do(func() {})
	s.work()
	if at := s.loop.at["a"]; at == nil || at.at != last.Position() {
		t.Errorf("behind a command the loop is at %v, want %s", at, last.Position())
	}
}

// Who subscribes gets all that comes from then on, and when the last one leaves nothing is queued again.
func TestSubscribedAgain(t *testing.T) {
	s := newStand(t)
	told := func(any) bool { return true }
	s.store()
	var feeds []command.Feed
	for range 2 {
		feeds = append(feeds, s.subscribe(&sink{}, told))
	}
	s.store() // before the loop has come to the subscriptions
	if n := s.loop.waiting(); n == 0 || s.loop.queue[n-1].item == nil {
		t.Fatalf("%d queued, the last of them is no item", n)
	}
	s.work()
	for f := range s.loop.seats {
		if got := f.sent.Load(); got != 1 {
			t.Errorf("a subscriber got %d records", got)
		}
	}
	for i, f := range feeds {
		if f.End(); i == 0 {
			f.End()
		}
		s.work()
		s.store()
		if n := s.loop.waiting(); n != 1-i {
			t.Errorf("with %d feeds left %d items are queued", 1-i, n)
		}
	}
}

// A feed on a connection that has ended counts for nothing.
func TestSubscribedTooLate(t *testing.T) {
	s := newStand(t)
	seat := s.loop.open(&sink{}, "test")
	seat.Close(0, "")
	f := seat.Subscribe(command.Subscription{Sub: "1", Streams: []messages.Pattern{">"}})
	f.End()
	s.work()
	if s.loop.wanted() {
		t.Errorf("%d feeds are listed", s.loop.listed)
	}
}

// One that subscribes while a batch is on its way unopened gets it, or reads it where it can't be opened.
func TestUnopenedComesToASubscriber(t *testing.T) {
	s := newStand(t)
	var heard []any
	s.subscribe(&sink{}, func(message any) bool {
		heard = append(heard, message)
		return true
	})
	s.work()
	push := func(sheet *sheet) {
		from := messages.Position{Origin: "a", Epoch: 1, Sequence: sheet.at.Sequence - 1, Index: messages.IndexEnd}
		s.loop.push(&item{kind: batch, origin: "a", from: from, to: sheet.at, sheet: sheet, size: sheet.size})
		s.work()
	}
	draft := messages.Draft{Stream: "s", Payload: []byte("1")}
	b := s.origin.Next(t, draft)
	s.hub.pass(messages.Step{Batch: b.ID()}, messages.Position{}, &command.StoredBatch{Sealed: b})
	s.work()
	for seat := range s.loop.seats {
		if got := seat.sent.Load(); got != 1 {
			t.Errorf("the subscriber got %d records", got)
		}
	}
	bad := s.origin.Next(t, draft)
	bad.Count++
	bad.Last++
	push(sealedSheet(&bad, time.Now()))
	if len(heard) != 1 {
		t.Fatalf("its reader heard %v", heard)
	}
	if lagged, ok := heard[0].(command.Lagged); !ok || lagged.Sub != "1" {
		t.Errorf("its reader heard %+v", heard[0])
	}
}

// What is answered stands in its order, between what else is said to the connection.
func TestAnswersJoin(t *testing.T) {
	s := newStand(t)
	out := &page{}
	seat := s.loop.open(out, "test")
	other := s.loop.open(&page{}, "other")
	large := strings.Repeat("x", mostAnswers)
	for _, say := range []func(){
		func() { seat.Send([]byte("a")) }, func() { seat.Raw([]byte("(b)")) }, func() { other.Send([]byte("no")) }, func() { seat.Send([]byte("c")) },
		func() { s.loop.do(func() { seat.add(piece{body: []byte("d")}) }) }, func() { seat.Send([]byte("e")) },
		func() { seat.Send([]byte(large)) }, func() { seat.Send([]byte("f")) },
	} {
		say()
	}
	if n := s.loop.waiting(); n != 8 { // two seats, ab, no, c, d, e and large, f
		t.Errorf("%d pieces of work", n)
	}
	s.work()
	if got := strings.Replace(out.text, large, "LARGE", 1); got != "[a](b)[c][d][e][LARGE][f]" {
		t.Errorf("the client reads %s", got)
	}
	if n := seat.control.Load(); n != 0 {
		t.Errorf("%d bytes of answers are still counted", n)
	}
}

// page is an Outlet that keeps what is written; a frame stands in brackets.
type page struct {
	sink
	text string
}

func (*page) Frame(dst, head, body []byte) []byte {
	return append(append(append(append(dst, '['), head...), body...), ']')
}

func (p *page) TryWrite(b []byte) (int, error) {
	p.text += string(b)
	return len(b), nil
}

// BenchmarkAnswer queues and writes answers to one client; an op is one.
func BenchmarkAnswer(b *testing.B) {
	l := hall(b, 0, nil)
	seat := l.open(&sink{}, "bench")
	message := []byte(`{"op":"published","id":12,"record":"mfrggzdfmztwq2lk-1764450000000-123456-12"}`)
	b.ReportAllocs()
	for done := 0; done < b.N; done += 16 {
		for range 16 {
			seat.Send(message)
		}
		l.work()
		l.flush(time.Now())
	}
}

// BenchmarkAnnounce takes in batches of 16 records, of which nobody wants any, or one does.
func BenchmarkAnnounce(b *testing.B) {
	for _, c := range []struct {
		name  string
		feeds int
	}{{"nobody", 0}, {"one", 1}} {
		b.Run(c.name, func(b *testing.B) {
			journal := memory.NewJournal(memory.Config{})
			h, err := New(Config{Journal: journal, Logger: slog.New(slog.DiscardHandler), Clock: time.Now, Loops: 1, Nodes: func() []string { return nil }})
			if err != nil {
				b.Fatal(err)
			}
			l := h.loops[0]
			l.begin()
			for range c.feeds {
				l.open(&sink{}, "bench").Subscribe(command.Subscription{Sub: "1", Streams: []messages.Pattern{">"}, Told: func(any) bool { return true }}).BeginLive(messages.Cursor{})
			}
			l.work()
			origin := storagetest.NewOrigin("a", 1, time.Now().UnixMilli())
			drafts := make([]messages.Draft, 16)
			for i := range drafts {
				drafts[i] = messages.Draft{Stream: "s", Payload: make([]byte, 256)}
			}
			b.ReportAllocs()
			for b.Loop() {
				b.StopTimer()
				sealed := origin.Next(b, drafts...)
				if _, err := journal.Append(storage.Live, []wire.Sealed{sealed}); err != nil {
					b.Fatal(err)
				}
				b.StartTimer()
				h.Announce(command.Stored{Batches: []command.StoredBatch{{Sealed: sealed, Live: true}}})
				l.work()
				l.flush(time.Now())
			}
		})
	}
}
