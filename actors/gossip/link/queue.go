package link

import (
	"anode/messages/wire/frame"
)

// Class is what is sent first. The numbers are those of the core's classes.
type Class uint8

// The classes, what is sent first at the front.
const (
	Control Class = iota
	Live
	Repair
	classes
)

const (
	// MaxQueue is the most bytes that wait in a link: twice what the core lets wait before a link leaves the
	// live path. Beyond it the peer takes nothing.
	MaxQueue = 8 << 20
	// frameCost is what a waiting frame costs besides its bytes, so that small ones are bounded too.
	frameCost = 64
	// keptFrames is how much room a lane keeps when it is empty.
	keptFrames = 64
)

// waiting is a frame in the queue. Its bytes are made when it is written: what goes to many links is one frame.
type waiting struct {
	frame frame.Frame
	size  int
}

// lane is the frames of one class, in order.
type lane struct {
	list []waiting
	head int
}

func (l *lane) put(w waiting) {
	if l.head > 0 && len(l.list) == cap(l.list) {
		n := copy(l.list, l.list[l.head:])
		clear(l.list[n:])
		l.list, l.head = l.list[:n], 0
	}
	l.list = append(l.list, w)
}

func (l *lane) first() (waiting, bool) {
	if l.head == len(l.list) {
		return waiting{}, false
	}
	return l.list[l.head], true
}

// drop takes the first frame out.
func (l *lane) drop() {
	l.list[l.head] = waiting{}
	if l.head++; l.head < len(l.list) {
		return
	}
	l.head = 0
	if l.list = l.list[:0]; cap(l.list) > keptFrames {
		l.list = nil
	}
}

// queue is what waits to be sent over a link. Its owner guards it.
type queue struct {
	lanes [classes]lane
	// bytes wait, those that are being written included; charged is what counts against MaxQueue.
	bytes, charged int
	// told is how many bytes went since somebody was told how many wait.
	told int
}

// put lets a frame wait; false says that there is no room for it.
func (q *queue) put(f frame.Frame, class Class) bool {
	size := f.Size()
	if q.charged+size+frameCost > MaxQueue {
		return false
	}
	q.bytes += size
	q.charged += size + frameCost
	q.lanes[min(class, Repair)].put(waiting{f, size})
	return true
}

// take appends the next frames to a list: what fits into one write, and at least one if there is any.
func (q *queue) take(list []waiting) []waiting {
	sum := 0
	for i := range q.lanes {
		for {
			w, ok := q.lanes[i].first()
			if !ok {
				break
			}
			if sum > 0 && sum+w.size > writeBytes {
				return list
			}
			sum += w.size
			list = append(list, w)
			q.lanes[i].drop()
		}
	}
	return list
}

// tellEvery is how many bytes go before somebody is told again how many wait.
const tellEvery = 16 << 10

// sent says that frames were written, and whether somebody is to be told how many bytes wait now.
func (q *queue) sent(list []waiting) (tell bool) {
	for _, w := range list {
		q.bytes -= w.size
		q.charged -= w.size + frameCost
		q.told += w.size
	}
	if q.bytes > 0 && q.told < tellEvery {
		return false
	}
	q.told = 0
	return true
}
