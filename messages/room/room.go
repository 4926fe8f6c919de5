package room

import (
	"container/list"
	"sync"
)

// Room is what places share. mu guards all of it, and of its places.
type Room struct {
	most int64

	mu   sync.Mutex
	used int64
	// waiting are the places that hold something, who began to wait first at the front.
	waiting *list.List
	cut     uint64
}

// New makes a room for so many bytes.
func New(most int64) *Room { return &Room{most: most, waiting: list.New()} }

// Cut is how many places were cut since the start.
func (r *Room) Cut() uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.cut
}

// Used is how many bytes are held now.
func (r *Room) Used() int64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.used
}

// Place is what one client holds. The zero Place is not usable: Enter makes one.
type Place struct {
	room *Room
	cut  func()
	at   *list.Element
	held int64
	gone bool
}

// Enter makes a place that holds nothing. cut ends the client; it is called at most once, from any
// goroutine that uses the room, and must not block. Leave must follow.
func (r *Room) Enter(cut func()) *Place { return &Place{room: r, cut: cut} }

// Hold says how many bytes the place holds from now on; 0 is none. It keeps its turn while it
// holds something.
func (p *Place) Hold(bytes int64) { p.hold(func() int64 { return bytes }) }

// More says that the place holds so many bytes more.
func (p *Place) More(bytes int64) { p.hold(func() int64 { return p.held + bytes }) }

func (p *Place) hold(bytes func() int64) {
	for _, cut := range p.change(bytes) {
		cut()
	}
}

// change takes a new number in, and gives what is to be cut for it: others first, and the place
// itself where it alone is too much.
func (p *Place) change(number func() int64) []func() {
	r := p.room
	r.mu.Lock()
	defer r.mu.Unlock()
	if p.gone {
		return nil
	}
	bytes := number()
	r.used += bytes - p.held
	p.held = bytes
	switch {
	case bytes <= 0 && p.at != nil:
		r.waiting.Remove(p.at)
		p.at = nil
	case bytes > 0 && p.at == nil:
		p.at = r.waiting.PushBack(p)
	}
	var cuts []func()
	for r.used > r.most && r.waiting.Len() > 0 {
		first := r.waiting.Front().Value.(*Place) //nolint:forcetypeassert // the list holds nothing else
		first.end()
		r.cut++
		cuts = append(cuts, first.cut)
	}
	return cuts
}

// Moved says that the client has taken something: of all that hold something it has the last turn now.
func (p *Place) Moved() {
	p.room.mu.Lock()
	defer p.room.mu.Unlock()
	if p.at != nil {
		p.room.waiting.MoveToBack(p.at)
	}
}

// Leave gives back all that the place holds. It may be called twice.
func (p *Place) Leave() {
	p.room.mu.Lock()
	defer p.room.mu.Unlock()
	p.end()
}

// end takes the place out. mu is held.
func (p *Place) end() {
	if p.at != nil {
		p.room.waiting.Remove(p.at)
		p.at = nil
	}
	p.room.used -= p.held
	p.held, p.gone = 0, true
}
