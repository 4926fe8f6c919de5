package compose_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"anode/client"
	"anode/testkit/compose"
)

// TestSmallContainer is a node in 256 MB and half a core, with publishers that take all they get, many subscribers, and some that read
// nothing: it is not killed for its memory, sheds by its policies, and who reads gets all.
func TestSmallContainer(t *testing.T) {
	project, ctx := compose.ForTest(t, compose.Config{Dir: "../..", Purpose: "memory", Limit: compose.Limit{Memory: "256m", Processors: "0.5"}})
	w := &world{Project: project, t: t, ctx: ctx, began: time.Now(), clients: []*client.Client{clientOf(t, project.URL(1))}}
	w.must(w.Build(ctx, "one"))
	w.compose("up", "--detach", "--wait", "--wait-timeout", "120", "node-1")
	before := w.metrics()
	if limit, most := before["go_gc_gomemlimit_bytes"], 0.9*(256<<20); limit <= 0 || limit > most {
		t.Errorf("GOMEMLIMIT is %.0f: want below %.0f", limit, most)
	}
	if threads := before["go_sched_gomaxprocs_threads"]; threads > 2 {
		t.Errorf("GOMAXPROCS is %.0f for half a core", threads)
	}

	duration := 40 * time.Second
	if testing.Short() {
		duration = 15 * time.Second
	}
	w.lanes = newLanes(ctx, t)
	w.lanes.read("node-1", w.URL(1))
	w.lanes.publish([]string{w.URL(1)})
	load := newLoad(ctx, w.URL(1))
	load.begin()
	for end := time.Now().Add(duration); time.Now().Before(end) && ctx.Err() == nil; time.Sleep(duration / 5) {
		usage, err := w.Docker(ctx, "stats", "--no-stream", "--format", "{{.MemUsage}} {{.CPUPerc}}", w.Container("node-1", 1))
		w.must(err)
		w.say("%s, %d records taken, %d requests refused, %d read by others", usage, load.taken.Load(), load.refused.Load(), load.read.Load())
	}
	during := w.metrics()
	load.end()
	w.lanes.stop()

	w.until("who reads has all", func() error { return w.lanes.caughtUp(w.lanes.acked()) })
	w.until("it is ready", func() error {
		ready, err := w.client(1).Ready(ctx)
		if err == nil && !ready.Ready {
			err = fmt.Errorf("%v", ready.Checks)
		}
		return err
	})
	state, err := w.Docker(ctx, "inspect", "--format", "{{.State.OOMKilled}} {{.RestartCount}} {{.State.Running}}", w.Container("node-1", 1))
	w.must(err)
	if state != "false 0 true" {
		t.Errorf("OOM killed, restarts, running: %s", state)
	}
	for _, name := range []string{"anode_subscriber_dropped_total", "anode_subscriber_lagged_total", "anode_subscriber_cut_total", "anode_subscriber_slow_bytes", "anode_queue_dropped_total", "process_resident_memory_bytes"} {
		w.say("%s %.0f", name, during[name])
	}
	if during["anode_subscriber_dropped_total"] == 0 || during["anode_subscriber_lagged_total"] == 0 {
		t.Error("nothing was shed: the load was none")
	}
	if load.taken.Load() == 0 || load.read.Load() == 0 {
		t.Errorf("%d records taken, %d read", load.taken.Load(), load.read.Load())
	}
	w.must(w.Down(ctx))
}

// metrics are the node's, of all labels together.
func (w *world) metrics() map[string]float64 {
	w.t.Helper()
	var sums map[string]float64
	w.until("it tells its metrics", func() (err error) {
		sums, err = metricsOf(w.ctx, w.URL(1))
		return err
	})
	return sums
}

func metricsOf(ctx context.Context, url string) (sums map[string]float64, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url+"/metrics", nil)
	if err != nil {
		return nil, err
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	defer func() {
		err = errors.Join(err, answer.Body.Close())
		http.DefaultClient.CloseIdleConnections()
	}()
	sums = make(map[string]float64)
	lines := bufio.NewScanner(answer.Body)
	for lines.Scan() {
		series, text, ok := strings.Cut(lines.Text(), " ")
		if value, err := strconv.ParseFloat(text, 64); ok && err == nil && !strings.HasPrefix(series, "#") {
			name, _, _ := strings.Cut(series, "{")
			sums[name] += value
		}
	}
	return sums, lines.Err()
}

// load is more than a small node can take.
type load struct {
	ctx  context.Context
	stop context.CancelFunc
	url  string
	work sync.WaitGroup

	taken, refused, read atomic.Int64
}

func newLoad(ctx context.Context, url string) *load {
	l := &load{url: url}
	l.ctx, l.stop = context.WithCancel(ctx)
	return l
}

const (
	publishers, readers       = 6, 200
	deafCatchup, deafDrop     = 12, 12
	recordBytes, batchRecords = 2048, 200
)

func (l *load) begin() {
	for i := range publishers {
		l.work.Go(func() { l.publish(i) })
	}
	for range readers {
		l.work.Go(func() { l.follow("latest", "catchup", true) })
	}
	for range deafCatchup {
		l.work.Go(func() { l.follow("earliest", "catchup", false) })
	}
	for range deafDrop {
		l.work.Go(func() { l.follow("latest", "drop", false) })
	}
}

func (l *load) end() {
	l.stop()
	l.work.Wait()
}

// publish publishes batch after batch; what is refused is not tried again.
func (l *load) publish(i int) {
	c, err := client.New(client.Config{Servers: []string{l.url}})
	if err != nil {
		l.refused.Add(1)
		return
	}
	defer c.Close()
	payload := []byte(`{"pad":"` + strings.Repeat("x", recordBytes) + `"}`)
	drafts := make([]client.Draft, batchRecords)
	for k := range drafts {
		drafts[k] = client.Draft{Stream: fmt.Sprintf("load.%d", i), Payload: payload}
	}
	for l.ctx.Err() == nil {
		if _, err := c.PublishAll(l.ctx, drafts); err == nil {
			l.taken.Add(batchRecords)
			continue
		}
		l.refused.Add(1)
		l.pause()
	}
}

func (l *load) pause() {
	select {
	case <-l.ctx.Done():
	case <-time.After(100 * time.Millisecond):
	}
}

// follow subscribes again and again, and reads or does not.
func (l *load) follow(start, policy string, reads bool) {
	for ; l.ctx.Err() == nil; l.pause() {
		l.followOnce(start, policy, reads)
	}
}

func (l *load) followOnce(start, policy string, reads bool) {
	dialer := websocket.Dialer{Subprotocols: []string{"anode.v1.json"}, HandshakeTimeout: 10 * time.Second}
	url := strings.Replace(l.url, "http", "ws", 1) + "/api/v1/subscribe?stream=load.%3E&start=" + start + "&policy=" + policy
	conn, answer, err := dialer.DialContext(l.ctx, url, nil)
	if answer != nil {
		_ = answer.Body.Close()
	}
	if err != nil {
		return
	}
	closed := context.AfterFunc(l.ctx, func() { _ = conn.Close() })
	defer func() {
		if closed() {
			_ = conn.Close()
		}
	}()
	if !reads {
		<-l.ctx.Done()
		return
	}
	for {
		_, r, err := conn.NextReader()
		if err != nil {
			return
		}
		if _, err := io.Copy(io.Discard, r); err != nil {
			return
		}
		l.read.Add(1)
	}
}
