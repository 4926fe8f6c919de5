package node

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"sync"
	"time"

	"anode/messages"
	"anode/messages/command"
)

const (
	// mostFar is how many frames of another node wait for their reader, mostFarBytes how many bytes of them; a larger one waits
	// alone. What has no room is left out, and said to be.
	mostFar      = 1024
	mostFarBytes = 4 << 20
	// farPatience is how long it may take another node to say that it opened a source's frames, or that it does not. After it they may come
	// all the same, as an old version says nothing before the first: if it answers something else.
	farPatience = 2 * time.Second
)

// farFrames reads the frames of a source that runs on another node.
type farFrames struct {
	cancel context.CancelFunc
	// opened is closed when the other node has said anything, ended when it says no more; err is why, then.
	opened chan struct{}
	once   sync.Once
	ended  chan struct{}
	err    error
	wake   chan struct{}

	mu sync.Mutex // guards what follows; a leaf
	// waiting are frames for the reader, bytes together; skipped is how many were left out since.
	waiting []farFrame
	bytes   int
	skipped uint64
}

// farFrame is a frame and what it takes.
type farFrame struct {
	command.Frame
	size int
}

func newFarFrames(cancel context.CancelFunc) *farFrames {
	return &farFrames{cancel: cancel, opened: make(chan struct{}), ended: make(chan struct{}), wake: make(chan struct{}, 1)}
}

// framesAt opens the frames of a source on another node. It returns when they are open, or the node refused, or after a while in
// which it said neither.
func (n *Node) framesAt(ctx context.Context, node messages.NodeID, name string) (command.FrameReader, error) {
	text, err := json.Marshal(question{Version: questionVersion, Ask: askFrames, Sources: []string{name}, Opens: true})
	if err != nil {
		return nil, err
	}
	leave, err := n.asking.enter(node)
	if err != nil {
		return nil, err
	}
	life, cancel := context.WithCancel(context.WithoutCancel(ctx))
	r := newFarFrames(cancel)
	go func() {
		defer close(r.ended)
		defer leave()
		r.err = n.gossip.Ask(life, node, text, r.take)
	}()
	patience := time.NewTimer(farPatience)
	defer patience.Stop()
	err = r.open(ctx, patience.C, func() error {
		ctx, cancel := context.WithTimeoutCause(ctx, statusPatience, fmt.Errorf("%w: node %s, which runs source %s, does not answer", command.ErrUnavailable, node, name))
		defer cancel()
		if _, err := n.statusesAt(ctx, node, []string{name}); err != nil {
			return cmp.Or(context.Cause(ctx), err)
		}
		return nil
	})
	if err != nil {
		r.Close()
		return nil, err
	}
	return r, nil
}

// open waits until the frames are open, or refused. When the other node says nothing until the patience ends, it is to answer something else.
func (r *farFrames) open(ctx context.Context, patience <-chan time.Time, answers func() error) error {
	select {
	case <-r.opened:
	case <-patience:
		return answers()
	case <-r.ended:
		if r.err != nil && !errors.Is(r.err, io.EOF) {
			return r.err
		}
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	return nil
}

// take takes a part of the answer: that it begins, a frame, or the end, which is io.EOF or the other node's error.
func (r *farFrames) take(part []byte) error {
	var head struct {
		Error  *fault `json:"error"`
		Opened bool   `json:"opened"`
		Dir    string `json:"dir"`
		Skip   uint64 `json:"skipped"`
	}
	if err := json.Unmarshal(part, &head); err != nil {
		return errUnread
	}
	switch {
	case head.Error != nil:
		return head.Error.err()
	case head.Opened:
		r.once.Do(func() { close(r.opened) })
		return nil
	case head.Dir == "" && head.Skip == 0:
		return io.EOF
	}
	var f command.Frame
	if err := json.Unmarshal(part, &f); err != nil {
		return fmt.Errorf("%w: a frame of the other node can't be read: %s", command.ErrUnavailable, clean(err.Error()))
	}
	r.once.Do(func() { close(r.opened) })
	r.put(f, len(part))
	return nil
}

// put lets a frame wait, if there is room.
func (r *farFrames) put(f command.Frame, size int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case f.Skipped > 0:
		r.skip(f.Skipped)
	case len(r.waiting) > 0 && (len(r.waiting) >= mostFar || r.bytes+size > mostFarBytes):
		r.skip(1)
	default:
		if r.skipped > 0 {
			r.waiting = append(r.waiting, farFrame{Frame: command.Frame{Skipped: r.skipped}})
			r.skipped = 0
		}
		r.waiting = append(r.waiting, farFrame{f, size})
		r.bytes += size
	}
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// skip notes that frames were left out; what another node says may be any number.
func (r *farFrames) skip(n uint64) { r.skipped += min(n, math.MaxUint64-r.skipped) }

// next is what waits, or what was left out; false is nothing.
func (r *farFrames) next() (command.Frame, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.waiting) > 0 {
		f := r.waiting[0]
		r.waiting[0] = farFrame{}
		r.waiting = r.waiting[1:]
		r.bytes -= f.size
		return f.Frame, true
	}
	r.waiting = nil
	if r.skipped > 0 {
		f := command.Frame{Skipped: r.skipped}
		r.skipped = 0
		return f, true
	}
	return command.Frame{}, false
}

// Next implements command.FrameReader.
func (r *farFrames) Next(ctx context.Context) (command.Frame, error) {
	for {
		if f, ok := r.next(); ok {
			return f, nil
		}
		select {
		case <-r.wake:
		case <-r.ended:
			if f, ok := r.next(); ok {
				return f, nil
			}
			if r.err == nil {
				return command.Frame{}, io.EOF
			}
			return command.Frame{}, r.err
		case <-ctx.Done():
			return command.Frame{}, context.Cause(ctx)
		}
	}
}

// Close implements command.FrameReader.
func (r *farFrames) Close() {
	r.cancel()
	<-r.ended
}
