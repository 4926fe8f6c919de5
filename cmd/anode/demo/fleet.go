package demo

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"time"
)

// member is one node of the fleet.
type member struct {
	name string
	// at is where the node was when it served first, and is to be again; zero before.
	at served
	// process is nil before the first start.
	process *child
	paused  bool
}

// fleet are the processes of all nodes. It belongs to one goroutine; news come on its channel.
type fleet struct {
	program, dir, http string
	members            []*member
	// news get what becomes of processes. Who owns the fleet reads them.
	news chan news
	// starts are done by one thread that lives as long as the fleet.
	starts chan func()
	// done is closed when nobody reads news any more.
	done chan struct{}
	busy sync.WaitGroup
}

// news is that a node serves, or that its process has ended.
type news struct {
	node    int
	process *child
	at      time.Time
	served  *served
	// err is why it ended; it may be nil.
	err error
}

// stopPatience bounds the clean end of a node.
const stopPatience = 5 * time.Second

func newFleet(o *options, dir string) *fleet {
	f := &fleet{program: o.program, dir: dir, http: o.http, news: make(chan news), starts: make(chan func()), done: make(chan struct{})}
	for i := range int(o.nodes) {
		f.members = append(f.members, &member{name: fmt.Sprintf("node-%d", i+1)})
	}
	f.busy.Go(func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		for start := range f.starts {
			start()
		}
	})
	return f
}

// start runs a node that does not run. That it serves or ends is news.
func (f *fleet) start(i int) (err error) {
	m := f.members[i]
	started := make(chan struct{})
	f.starts <- func() {
		m.process, err = startChild(f.program, f.log(i), f.arguments(i))
		close(started)
	}
	<-started
	if err != nil {
		return fmt.Errorf("%s: %w", m.name, err)
	}
	m.paused = false
	f.busy.Go(func() { f.watch(i, m.process) })
	return nil
}

// arguments are those of a node: at first on free ports, later on those that it had.
func (f *fleet) arguments(i int) []string {
	m := f.members[i]
	at := served{http: "127.0.0.1:0", mesh: "127.0.0.1:0"}
	switch {
	case m.at != served{}:
		at = served{http: strings.TrimPrefix(m.at.http, "http://"), mesh: m.at.mesh}
	case i == 0:
		at.http = f.http
	}
	args := []string{
		"serve", "--" + EndFlag, "--data", filepath.Join(f.dir, m.name), "--http", at.http, "--mesh", at.mesh, "--name", m.name,
		"--cluster", "demo", "--retention-bytes", "256MiB",
	}
	if i == feedsAt {
		args = append(args, "--demo")
	}
	for j, other := range f.members {
		if j != i && other.at.mesh != "" {
			args = append(args, "--join", other.at.mesh)
		}
	}
	return args
}

// feedsAt is the node with the feeds. A source stays where it was declared, so that there is one.
const feedsAt = 0

// log is the file of a node's log.
func (f *fleet) log(i int) string { return filepath.Join(f.dir, f.members[i].name+".log") }

// lastLog is the last line of a node's log.
func (f *fleet) lastLog(i int) string {
	text, err := os.ReadFile(f.log(i))
	if err != nil {
		return ""
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	return lines[len(lines)-1]
}

// watch tells of one process.
func (f *fleet) watch(i int, p *child) {
	tell := func(n news) {
		n.node, n.process, n.at = i, p, time.Now()
		select {
		case f.news <- n:
		case <-f.done:
		}
	}
	select {
	case s := <-p.serving:
		tell(news{served: &s})
		<-p.ended
	case <-p.ended:
	}
	tell(news{err: *p.err})
}

// close ends all processes, cleanly where they can, and waits.
func (f *fleet) close() error {
	close(f.done)
	faults := make([]error, len(f.members))
	var ends sync.WaitGroup
	for i, m := range f.members {
		if m.process == nil {
			continue
		}
		ends.Go(func() {
			if err := m.process.stop(stopPatience); err != nil {
				faults[i] = fmt.Errorf("%s: %w", m.name, err)
			}
		})
	}
	ends.Wait()
	close(f.starts)
	f.busy.Wait()
	return errors.Join(faults...)
}
