package push

import (
	"fmt"
	"sync"

	"anode/actors/source"
	"anode/messages/command"
)

// ledger answers messages in the order in which they were fed, though the journal may settle them in
// another. The mutex is a leaf but for what answers do. The zero value is ready.
type ledger struct {
	mu      sync.Mutex
	entries []*entry
	// failed is why something was not stored; what repeats it can't be called a duplicate then.
	failed error
}

// entry is one message; it belongs to the ledger.
type entry struct {
	push    *source.Push
	settled bool
	became  command.Pushed
	err     error
}

// enter takes a message down before it is fed.
func (l *ledger) enter(p *source.Push) *entry {
	l.mu.Lock()
	defer l.mu.Unlock()
	e := &entry{push: p}
	l.entries = append(l.entries, e)
	return e
}

// settle tells what became of it, and answers all whose turn it is.
func (l *ledger) settle(e *entry, became command.Pushed, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	e.settled, e.became, e.err = true, became, err
	n := 0
	for ; n < len(l.entries) && l.entries[n].settled; n++ {
		l.answer(l.entries[n])
		l.entries[n] = nil
	}
	if l.entries = l.entries[n:]; len(l.entries) == 0 {
		l.entries = nil
	}
}

func (l *ledger) answer(e *entry) {
	err := e.err
	switch {
	case err == nil && e.became.Dropped.Duplicate > 0 && l.failed != nil:
		err = fmt.Errorf("what this repeats is not stored: %w", l.failed)
	case err != nil && l.failed == nil && !isRefusal(err):
		l.failed = err
	}
	if err != nil {
		e.push.Answer(command.Pushed{}, err)
		return
	}
	e.push.Answer(e.became, nil)
}
