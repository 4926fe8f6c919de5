package compose_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gocql/gocql"
	"go.uber.org/goleak"

	"anode/client"
	"anode/messages/command"
	"anode/testkit/compose"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// healPatience is how long a cluster has to heal after a fault, on a machine that does other things, too.
const healPatience = 2 * time.Minute

// world is the cluster under test.
type world struct {
	*compose.Project
	t     *testing.T
	ctx   context.Context
	lanes *lanes
	// clients are one of each node.
	clients []*client.Client
	random  *rand.Rand
	began   time.Time
}

// TestCluster is what docker-compose.yml promises: five nodes and a database come up by themselves, and whatever happens to them, nothing that
// was acknowledged is lost, doubled or out of order, at any node, and all of it is in the archive. ANODE_SEED=n repeats a run;
// with -short it does less.
func TestCluster(t *testing.T) {
	project, ctx := compose.ForTest(t, compose.Config{Dir: "../..", Purpose: "cluster"})
	seed := seedOf(t)
	t.Logf("ANODE_SEED=%d", seed)
	w := &world{Project: project, t: t, ctx: ctx, random: rand.New(rand.NewPCG(seed, 0)), began: time.Now()}
	var urls []string
	for node := 1; node <= compose.Nodes; node++ {
		urls = append(urls, w.URL(node))
		w.clients = append(w.clients, clientOf(t, w.URL(node)))
	}
	w.must(w.Build(ctx, "one"))
	w.up()
	w.lanes = newLanes(ctx, t)
	for node := 1; node <= compose.Nodes; node++ {
		w.lanes.read(compose.Node(node), w.URL(node))
	}
	w.lanes.publish(urls)
	w.whole("records published at each node come out of all", compose.Nodes)

	faults := []func(){w.kill, w.pause, w.cut, w.parted, w.restart}
	w.random.Shuffle(len(faults), func(i, j int) { faults[i], faults[j] = faults[j], faults[i] })
	if testing.Short() {
		faults = faults[:2]
	}
	for _, fault := range faults {
		fault()
	}
	if !testing.Short() {
		w.scale()
		w.upgrade()
	}
	w.lanes.stop()
	w.archived()
	w.must(w.Down(ctx))
	left, err := w.Left(ctx)
	w.must(err)
	if len(left) > 0 {
		t.Errorf("down leaves %s", left)
	}
}

func seedOf(t *testing.T) uint64 {
	text := os.Getenv("ANODE_SEED")
	if text == "" {
		return rand.Uint64()
	}
	seed, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return seed
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// say tells of a step.
func (w *world) say(format string, args ...any) {
	w.t.Helper()
	w.t.Logf("%5.1fs  %s", time.Since(w.began).Seconds(), fmt.Sprintf(format, args...))
}

func (w *world) compose(args ...string) {
	w.t.Helper()
	_, err := w.Compose(w.ctx, args...)
	w.must(err)
}

// until waits until something is so; is gives why it is not.
func (w *world) until(what string, is func() error) {
	w.t.Helper()
	began := time.Now()
	for {
		err := is()
		switch {
		case err == nil:
			w.say("%s after %.1f s", what, time.Since(began).Seconds())
			return
		case time.Since(began) > healPatience:
			w.t.Fatalf("not within %s: %s: %s", healPatience, what, err)
		}
		select {
		case <-w.ctx.Done():
			w.t.Fatalf("the time is over: %s: %s", what, err)
		case <-time.After(200 * time.Millisecond):
		}
	}
}

// up starts all, and looks at what a newcomer sees.
func (w *world) up() {
	w.compose("up", "--detach", "--wait", "--wait-timeout", "300")
	w.say("all are healthy")
	w.until("demo feeds bring records to each node", func() error {
		for node := 1; node <= compose.Nodes; node++ {
			streams, err := w.client(node).Streams(w.ctx, "market.>")
			if err != nil || len(streams) == 0 {
				return fmt.Errorf("%s has no market: %w", compose.Node(node), err)
			}
		}
		return nil
	})
	made, err := w.Compose(w.ctx, "logs", "--no-color", "--no-log-prefix")
	w.must(err)
	if n := strings.Count(made, "a fresh cluster secret was made"); n != 1 {
		w.t.Errorf("%d nodes made a secret: want one", n)
	}
}

func (w *world) client(node int) *client.Client { return w.clients[node-1] }

// whole waits until each node sees so many nodes alive, is linked with all of them and is ready, and each reader has what is acknowledged now.
func (w *world) whole(what string, count int) {
	w.t.Helper()
	acked := w.lanes.acked()
	for stream := range acked { // some more, so that all publish again
		acked[stream] += 10
	}
	w.until(what, func() error { return errors.Join(w.linked(count), w.lanes.caughtUp(acked)) })
}

func (w *world) linked(count int) error {
	for node := 1; node <= compose.Nodes; node++ {
		view, err := w.client(node).Cluster(w.ctx)
		if err != nil {
			return fmt.Errorf("%s: %w", compose.Node(node), err)
		}
		alive, links := 0, 0
		for _, n := range view.Nodes {
			if n.State == "alive" && !n.Seen.IsZero() {
				alive++
			}
			if n.Self {
				for _, l := range n.Links {
					if l.State == command.LinkUp {
						links++
					}
				}
			}
		}
		if alive < count || links < count-1 {
			return fmt.Errorf("%s sees %d alive and has %d links", compose.Node(node), alive, links)
		}
		if ready, err := w.client(node).Ready(w.ctx); err != nil || !ready.Ready {
			return fmt.Errorf("%s is not ready: %v %w", compose.Node(node), ready.Checks, err)
		}
	}
	return nil
}

func (w *world) anyNode() int { return 1 + w.random.IntN(compose.Nodes) }

// rest lets a fault last for a while, in which others get what they get.
func (w *world) rest() {
	w.t.Helper()
	select {
	case <-w.ctx.Done():
		w.t.Fatal("the time is over")
	case <-time.After(time.Duration(3+w.random.IntN(6)) * time.Second):
	}
}

func (w *world) kill() {
	node := compose.Node(w.anyNode())
	w.compose("kill", node)
	w.rest()
	w.compose("start", node)
	w.whole("killed and started: "+node+" has all", compose.Nodes)
}

func (w *world) pause() {
	node := compose.Node(w.anyNode())
	w.compose("pause", node)
	w.rest()
	w.compose("unpause", node)
	w.whole("paused: "+node+" has all", compose.Nodes)
}

func (w *world) cut() {
	node := w.anyNode()
	w.must(w.Cut(w.ctx, node))
	w.rest()
	w.must(w.Mend(w.ctx, node))
	w.whole("cut off: "+compose.Node(node)+" has all", compose.Nodes)
}

// parted takes the database away.
func (w *world) parted() {
	w.compose("kill", "cassandra")
	w.rest()
	w.compose("start", "cassandra")
	w.whole("without the database all goes on", compose.Nodes)
}

func (w *world) restart() {
	nodes := []string{"node-1", "node-2", "node-3", "node-4", "node-5"}
	if w.random.IntN(2) == 0 {
		w.compose(append([]string{"restart"}, nodes...)...)
	} else {
		w.compose(append([]string{"kill"}, nodes...)...)
		w.compose(append([]string{"start"}, nodes...)...)
	}
	w.whole("all restarted at once", compose.Nodes)
}

// scale adds two nodes, whose readers begin at the beginning.
func (w *world) scale() {
	w.compose("up", "--detach", "--wait", "--no-recreate", "--scale", "more=2", "more")
	for n := 1; n <= 2; n++ {
		at, err := w.Compose(w.ctx, "port", "--index", strconv.Itoa(n), "more", "8080")
		w.must(err)
		w.lanes.read(fmt.Sprintf("more-%d", n), "http://"+at)
	}
	w.whole("seven nodes", compose.Nodes+2)
}

// upgrade replaces the image, one node after another.
func (w *world) upgrade() {
	w.must(w.Build(w.ctx, "two"))
	for node := 1; node <= compose.Nodes; node++ {
		w.compose("up", "--detach", "--wait", "--no-deps", compose.Node(node))
		w.whole(compose.Node(node)+" is upgraded", compose.Nodes+2)
		status, err := w.client(node).Status(w.ctx)
		w.must(err)
		if status.Node.Version != "two" {
			w.t.Fatalf("%s is of version %q", compose.Node(node), status.Node.Version)
		}
	}
}

// archived waits until the archive has all records of the lanes, and reads them there.
func (w *world) archived() {
	w.until("the archive has all", func() error {
		for node := 1; node <= compose.Nodes; node++ {
			view, err := w.client(node).Archive(w.ctx)
			if err != nil || view.State != command.StateOK || view.Lag.Seconds > 5 {
				return fmt.Errorf("%s: %s, %v behind: %w", compose.Node(node), view.Detail, view.Lag.Seconds, err)
			}
		}
		return w.rows()
	})
}

// rows compares what the database has with what was acknowledged.
func (w *world) rows() error {
	settings := gocql.NewCluster(w.Database())
	settings.Keyspace, settings.Timeout, settings.ConnectTimeout = "anode", 10*time.Second, 10*time.Second
	settings.DisableInitialHostLookup = true // it would name the address within
	session, err := settings.CreateSession()
	if err != nil {
		return err
	}
	defer session.Close()
	have := make(map[string]map[int64]bool)
	rows := session.Query("SELECT stream, data FROM records").WithContext(w.ctx).PageSize(1000).Iter()
	var stream, data string
	for rows.Scan(&stream, &data) {
		var datum struct{ N int64 }
		if json.Unmarshal([]byte(data), &datum) == nil {
			if have[stream] == nil {
				have[stream] = make(map[int64]bool)
			}
			have[stream][datum.N] = true
		}
	}
	if err := rows.Close(); err != nil {
		return err
	}
	for stream, n := range w.lanes.acked() {
		for i := range n {
			if !have[stream][i] {
				return fmt.Errorf("%d of %s is not there (%d of %d are)", i, stream, len(have[stream]), n)
			}
		}
		w.say("%s: %d acknowledged, all in the archive", stream, n)
	}
	return nil
}
