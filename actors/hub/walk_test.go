package hub_test

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"anode/actors/hub"
	"anode/actors/internal/sessiontest"
	"anode/messages"
	"anode/messages/command"
	"anode/messages/wire"
	"anode/storage"
	"anode/testkit/storagetest"
)

// disk is a journal of which each read waits for a word: nil lets it go, an error is what it gives.
type disk struct {
	storage.Journal
	words chan error
	mu    sync.Mutex
	reads []string
}

func (d *disk) Read(id messages.BatchID) (wire.Sealed, error) {
	d.mu.Lock()
	d.reads = append(d.reads, id.String())
	d.mu.Unlock()
	if err := <-d.words; err != nil {
		return wire.Sealed{}, err
	}
	return d.Journal.Read(id)
}

// let ends so many reads with a word.
func (d *disk) let(t *testing.T, n int, word error) {
	t.Helper()
	for range n {
		select {
		case d.words <- word:
		case <-time.After(time.Minute):
			t.Fatal("nothing is read")
		}
	}
}

func (d *disk) took() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return strings.Join(d.reads, " ")
}

// inSlow runs a test in a world whose hub reads from a disk.
func inSlow(t *testing.T, test func(t *testing.T, p *place, d *disk)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		d := &disk{words: make(chan error)}
		p := &place{t: t, a: storagetest.NewOrigin("a", 1, time.Now().UnixMilli())}
		p.World = sessiontest.NewWorld(t, sessiontest.Config{Hub: hub.Config{Loops: 2}, HubReads: func(j storage.Journal) storage.Journal {
			d.Journal = j
			return d
		}})
		defer p.Stop()
		defer func() { close(d.words) }()
		test(t, p, d)
	})
}

// aside does something that must not wait for the disk.
func (p *place) aside(what string, do func()) {
	p.t.Helper()
	done := make(chan struct{})
	go func() {
		defer close(done)
		do()
	}()
	synctest.Wait()
	select {
	case <-done:
	default:
		p.t.Fatalf("%s waits for the disk", what) // the next might wait for a mutex, of which synctest knows nothing
	}
}

// fallBehind leaves the hub at 1 of the origin a, with 3 to so many to read back, and 2 just stored.
func (p *place) fallBehind(n int) {
	p.t.Helper()
	p.live("a.x k 1")
	hole := p.next("a.x k 2")
	for i := 3; i <= n; i++ {
		p.live(fmt.Sprint("a.x k ", i))
	}
	synctest.Wait() // the loops want nothing more of the hub
	p.aside("a hole's filling", func() { p.Store(false, hole) })
}

// While a backlog is read back from a disk that stands still, all else goes on: what others announce and publish, and
// what the origin itself goes on with comes behind, each once and in order.
func TestBacklogHoldsUpNobody(t *testing.T) {
	inSlow(t, func(t *testing.T, p *place, d *disk) {
		c, _ := p.Subscribe(all(command.Start{}))
		b := storagetest.NewOrigin("b", 1, time.Now().UnixMilli())
		p.Store(true, b.Next(t, drafts("b.x k b1")...))
		p.fallBehind(5)
		p.aside("an announcement of another origin", func() { p.Store(true, b.Next(t, drafts("b.x k b2")...)) })
		p.aside("an ephemeral record", func() {
			p.Hub.Publish(command.Ephemeral{Stream: "e.x", JSON: []byte(`{"stream":"e.x","data":"up"}`)})
		})
		p.aside("an announcement of the same origin", func() { p.live("a.x k 6") })
		p.aside("the hub's view", func() { _, _ = command.Ask(t.Context(), p.Actor, command.Component{}) })
		settle(c)
		r := c.Sub("1")
		wants(t, "while the disk stands still", fmt.Sprintf("%s, %d loose", data(r), r.Loose), "b1 1 2 b2, 1 loose")
		d.let(t, 2, nil)
		p.live("a.x k 7")
		d.let(t, 3, nil)
		settle(c)
		p.live("a.x k 8")
		settle(c)
		var own []string
		for _, id := range r.IDs {
			if strings.HasPrefix(id, "a-") {
				own = append(own, id)
			}
		}
		wants(t, "of the backlog's origin", strings.Join(own, " "), "a-1-1-0 a-1-2-0 a-1-3-0 a-1-4-0 a-1-5-0 a-1-6-0 a-1-7-0 a-1-8-0")
		if r.Lives != 1 {
			t.Errorf("it was live %d times", r.Lives)
		}
	})
}

// What turns up behind the end of an epoch while the hub is behind is named when its readers have passed that end.
func TestLateBehindABacklog(t *testing.T) {
	inSlow(t, func(t *testing.T, p *place, d *disk) {
		c, _ := p.Subscribe(all(command.Start{}))
		p.fallBehind(3)
		prior := p.Journal.Head("a")
		late := p.next("a.x k late")
		p.a.Restart(2, prior)
		p.live("a.x k 4")
		p.aside("something late", func() { p.Store(true, late) })
		settle(c)
		r := c.Sub("1")
		if len(r.Gaps) != 0 {
			t.Errorf("before the backlog is read back it heard of %+v", r.Gaps)
		}
		d.let(t, 2, nil)
		settle(c)
		wants(t, "records", data(r), "1 2 3 4")
		if len(r.Gaps) != 1 || r.Gaps[0].Reason != "late" || r.Gaps[0].To != "a-1-4-0" {
			t.Errorf("gaps %+v, want one that is late, to a-1-4-0", r.Gaps)
		}
	})
}

// A batch that could not be read is tried again when something comes, be it while it was read.
func TestBacklogThatCantBeRead(t *testing.T) {
	inSlow(t, func(t *testing.T, p *place, d *disk) {
		c, _ := p.Subscribe(all(command.Start{}))
		p.fallBehind(3)
		p.live("a.x k 4")
		d.let(t, 1, errors.New("not now"))
		synctest.Wait()
		d.let(t, 1, errors.New("nor now")) // again, for what came meanwhile
		synctest.Wait()
		wants(t, "reads", d.took(), "a-1-3 a-1-3")
		p.live("a.x k 5")
		d.let(t, 3, nil)
		settle(c)
		wants(t, "records", data(c.Sub("1")), "1 2 3 4 5")
	})
}

// Nothing is read back that nobody is subscribed to.
func TestBacklogOfNobody(t *testing.T) {
	inSlow(t, func(t *testing.T, p *place, d *disk) {
		p.fallBehind(100)
		synctest.Wait()
		wants(t, "reads", d.took(), "")
		c, _ := p.Subscribe(all(command.Start{}))
		p.live("a.x k 101")
		settle(c)
		wants(t, "records", data(c.Sub("1")), "101")
	})
}
