package gossip

import (
	"sync"

	"anode/actors/gossip/core"
	"anode/messages"
	"anode/messages/wire"
	"anode/messages/wire/frame"
)

// mostOwn is how many bytes of own batches wait for the loop; the rest is read from the journal.
const mostOwn = 8 << 20

// mail is what reaches the loop from goroutines that must not wait for it.
type mail struct {
	// stir wakes the loop.
	stir chan struct{}

	mu sync.Mutex // guards what follows; a leaf
	letters
	ownBytes int
}

// letters are what a mail has.
type letters struct {
	// news are the journal's, in order.
	news   []news
	served []served
	queued []*peer
	// behind: own batches were left out.
	behind bool
	// staged: the node's stage is another one.
	staged bool
	// events are the registry's. unregistered: some were left out.
	events       []frame.Event
	unregistered bool
}

// news is one thing that the journal did: a batch of this node (own), one of a peer (batch, result), or another epoch.
type news struct {
	own    *wire.Sealed
	batch  *wire.Sealed
	result core.Result
	epoch  uint64
}

// served is a pull of a peer that was answered.
type served struct {
	peer    *peer
	pull    uint64
	missing []messages.Range
}

func newMail() *mail { return &mail{stir: make(chan struct{}, 1)} }

func (m *mail) wake() {
	select {
	case m.stir <- struct{}{}:
	default:
	}
}

// own brings a batch that this node sealed.
func (m *mail) own(b *wire.Sealed) {
	size := len(b.Bytes())
	m.mu.Lock()
	if m.behind || m.ownBytes+size > mostOwn {
		m.behind = true
	} else {
		m.ownBytes += size
		m.news = append(m.news, news{own: b})
	}
	m.mu.Unlock()
	m.wake()
}

// fallBehind says that own batches are to be read from the journal.
func (m *mail) fallBehind() {
	m.mu.Lock()
	m.behind = true
	m.mu.Unlock()
	m.wake()
}

// appended brings the journal's answer about a peer's batch.
func (m *mail) appended(b *wire.Sealed, result core.Result) {
	m.mu.Lock()
	m.news = append(m.news, news{batch: b, result: result})
	m.mu.Unlock()
	m.wake()
}

// renewed brings the epoch that the node numbers with.
func (m *mail) renewed(epoch uint64) {
	m.mu.Lock()
	m.news = append(m.news, news{epoch: epoch})
	m.mu.Unlock()
	m.wake()
}

// register brings events that this node decided; of none, all are compared.
func (m *mail) register(events []frame.Event) {
	m.mu.Lock()
	if len(events) == 0 || len(m.events)+len(events) > mostRegistered {
		m.unregistered = true
	} else {
		m.events = append(m.events, events...)
	}
	m.mu.Unlock()
	m.wake()
}

// restage says that the node's stage is another one.
func (m *mail) restage() {
	m.mu.Lock()
	m.staged = true
	m.mu.Unlock()
	m.wake()
}

func (m *mail) serve(s served) {
	m.mu.Lock()
	m.served = append(m.served, s)
	m.mu.Unlock()
	m.wake()
}

// queue says that a link's queue has changed.
func (m *mail) queue(p *peer) {
	m.mu.Lock()
	m.queued = append(m.queued, p)
	m.mu.Unlock()
	m.wake()
}

// waiting is how many letters there are.
func (m *mail) waiting() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.news) + len(m.served) + len(m.queued) + len(m.events)
}

// take empties the mail.
func (m *mail) take() letters {
	m.mu.Lock()
	defer m.mu.Unlock()
	l := m.letters
	m.letters, m.ownBytes = letters{}, 0
	return l
}
