package gossip

import (
	"context"
	"errors"
	"testing"
	"time"

	"anode/messages/wire/frame"
)

// open has a question answered, without a link.
func open(s *answered, id uint64) (*answer, context.Context) {
	ctx, off := context.WithCancelCause(context.Background())
	a := &answer{id: id, off: off}
	s.open[id] = a
	return a, ctx
}

func TestAQuestionThatWasAnsweredIsKnownUntilItIsForgotten(t *testing.T) {
	all := make(answers)
	s := all.of("peer")
	a, _ := open(s, 7)
	if known, was := s.find(7); known != a || !was {
		t.Fatal("an open one is not known")
	}
	s.end(a, nil)
	if known, was := s.find(7); known != a || !was {
		t.Error("one that is over is not known")
	}
	if _, was := s.find(8); was {
		t.Error("a new one is taken for an old one")
	}
	all.sweep(a.overAt.Add(keptFor))
	if known, was := s.find(7); known != nil || !was {
		t.Error("one that was forgotten is taken for a new one")
	}
	all.sweep(time.Now().Add(keptFor))
	if len(all) != 0 {
		t.Error("the peer is never forgotten")
	}
}

// A node whose disk is new and whose clock was put back numbers below what it had: its questions are new ones.
func TestTheQuestionsOfAnotherProcessAreNewOnes(t *testing.T) {
	s := make(answers).of("peer")
	s.meet(2)
	a, _ := open(s, 1000)
	a.epoch = 2
	b, _ := open(s, 1001)
	b.epoch = 2
	s.end(a, nil)
	s.forget()
	s.meet(1)
	if known, was := s.find(7); known != nil || was {
		t.Error("a question of another process is taken for an old one")
	}
	if known, _ := s.find(1001); known != b {
		t.Error("an open one is not known any more: the process may be the same, with a new epoch")
	}
	s.end(b, nil)
	s.forget() // it is of the process before
	c, _ := open(s, 8)
	c.epoch = 1
	if _, was := s.find(9); was {
		t.Error("what the process before asked counts for this one")
	}
	s.end(c, nil)
	s.forget()
	if known, was := s.find(8); known != nil || !was {
		t.Error("one that was forgotten is taken for a new one")
	}
}

func TestWhatIsKnownOfQuestionsIsBounded(t *testing.T) {
	s := make(answers).of("peer")
	for id := uint64(1); id <= mostKnown+10; id++ {
		a, _ := open(s, id)
		s.end(a, nil)
	}
	if len(s.said) != mostKnown || s.floor != 10 {
		t.Errorf("%d are known, above %d", len(s.said), s.floor)
	}
	for id := uint64(10_000); id < 10_020; id++ {
		a, _ := open(s, id)
		if !a.put(&frame.Answer{Body: make([]byte, mostKept)}) {
			t.Fatal("the first part has no room")
		}
		if a.put(&frame.Answer{Body: []byte("x")}) {
			t.Fatal("more is kept than may be")
		}
		s.end(a, nil)
	}
	if s.bytes > mostSaid || s.bytes == 0 {
		t.Errorf("%d bytes are kept", s.bytes)
	}
}

func TestAnAnswerEndsWhenItsLinkIsLostAndNobodyAsksAgain(t *testing.T) {
	for name, c := range map[string]struct {
		said  string
		after time.Duration
		ends  bool
	}{
		"the peer may ask again":   {after: againPatience - time.Millisecond},
		"it did not":               {after: againPatience, ends: true},
		"it said that it is going": {said: farewell, ends: true},
	} {
		all := make(answers)
		p, other := &peer{id: "peer", said: c.said}, &peer{id: "peer"}
		a, ctx := open(all.of(p.id), 1)
		a.to = p
		b, elsewhere := open(all.of(p.id), 2)
		b.to = other
		all.lost(p)
		if c.said == "" {
			all.sweep(a.lostAt.Add(c.after))
		}
		if ended := errors.Is(context.Cause(ctx), errUnasked); ended != c.ends {
			t.Errorf("%s: it ends: %v", name, ended)
		}
		if elsewhere.Err() != nil {
			t.Errorf("%s: what goes over another link ended", name)
		}
		if c.ends && a.again(other) {
			t.Errorf("%s: what is called off is said again", name)
		}
	}
}

// A peer that numbers with another epoch may be another process: it does not know what the one before it did.
func TestAQuestionIsNotAskedAgainOfAnotherProcess(t *testing.T) {
	a := &asked{id: 1, node: "peer", links: 1, epoch: 1, stir: make(chan struct{}, 1)}
	l := &loop{asked: map[uint64]*asked{1: a}}
	l.askOn(&peer{id: "peer", hello: &frame.Hello{Epoch: 2}})
	if _, over, err := a.taken(); !over || !errors.Is(err, ErrSilent) || len(l.asked) != 0 {
		t.Errorf("over: %v, %v", over, err)
	}
}

func TestAQuestionIsNotAskedAgainForEver(t *testing.T) {
	p := &peer{id: "peer"}
	for name, c := range map[string]struct {
		asked *asked
		said  string
		waits bool
	}{
		"nothing came":          {&asked{links: 1}, "", true},
		"a part came":           {&asked{links: 1, begun: true}, "", false},
		"it went over many":     {&asked{links: mostSent}, "", false},
		"the peer said goodbye": {&asked{links: 1}, farewell, false},
	} {
		a := c.asked
		a.id, a.node, a.sent, a.stir = 1, p.id, p, make(chan struct{}, 1)
		l := &loop{asked: map[uint64]*asked{1: a}}
		p.said = c.said
		l.cutOff(p)
		if _, over, _ := a.taken(); over == c.waits {
			t.Errorf("%s: it is over: %v", name, over)
		}
		if a.lostAt = a.lostAt.Add(-againPatience); c.waits {
			if l.watchAsked(); len(l.asked) != 0 {
				t.Errorf("%s: it waits for ever", name)
			}
		}
	}
}
