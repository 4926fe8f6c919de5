package node

import (
	"sync"

	"anode/messages/command"
)

// declaration is what a node says of itself to all: one part by placement, one by the archiver. Each of them may change at any time. It is safe
// for concurrent use.
type declaration struct {
	// say says it; false is that there is no room. It does not block, and is called with mu held, so that what is said last is newest.
	say func(command.NodeRegister) bool

	mu sync.Mutex // guards what follows; a leaf but for say
	// register is what placement said last; nil is nothing yet.
	register *command.NodeRegister
	// archive is nil where there is none.
	archive *command.NodeArchive
}

// own says what placement has to say; false is that it is to be said again.
func (d *declaration) own(r command.NodeRegister) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.register = &r
	return d.both()
}

// archives says what archive this node has; false is that it is to be said again. What placement has not begun to say waits for that.
func (d *declaration) archives(has command.NodeArchive) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.archive = &has
	return d.register == nil || d.both()
}

// both says all. mu is held.
func (d *declaration) both() bool {
	r := *d.register
	r.Archive = d.archive
	return d.say(r)
}
