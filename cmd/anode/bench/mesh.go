package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"
)

// mesh publishes to all nodes of a mesh, and looks how what one takes comes to the others.
type mesh struct {
	common
	nodes, size, streams, bulk int
	rate                       float64
	warm                       time.Duration
}

func newMesh() *cobra.Command {
	m := &mesh{}
	cmd := &cobra.Command{
		Use: "mesh", Short: "publish to all nodes of a mesh, and see all of them hold it",
		Long: `Start a mesh of processes on this machine, publish to each of them at the same rate, and measure how long it
takes from the origin's clock to the journal of each other node, what it costs, and what goes over the wire.
In the end every node must hold every record once.`,
		Example: `  anode bench mesh --nodes 5 --rate 20000 --for 60s
  anode bench mesh --bulk 100
  anode bench mesh --nodes 3 --rate 1000 --serve-flag=--durability=interval`,
		Args: cobra.NoArgs,
	}
	m.add(cmd)
	flags := cmd.Flags()
	flags.IntVar(&m.nodes, "nodes", 5, "how many nodes")
	flags.Float64Var(&m.rate, "rate", 20_000, "records a second, in total")
	flags.IntVar(&m.size, "size", 256, "bytes of a record's data")
	flags.IntVar(&m.streams, "streams", 10, "how many streams")
	flags.IntVar(&m.bulk, "bulk", 1, "records of a request: 1 publishes each by itself over a WebSocket, more are NDJSON over REST")
	flags.DurationVar(&m.warm, "warm-up", 3*time.Second, "how long to publish before it counts")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if err := m.check(); err != nil {
			return err
		}
		p := newProgress(cmd.ErrOrStderr())
		defer p.clear()
		r, err := m.run(cmd.Context(), p)
		if err != nil {
			return err
		}
		p.clear()
		return report(cmd.OutOrStdout(), m.output, []result{r})
	}
	return cmd
}

func (m *mesh) check() error {
	err := errors.Join(m.common.check(), between("nodes", m.nodes, 2, 50), between("rate", int(m.rate), 1, 1_000_000),
		between("size", m.size, leastSize, 1<<20), between("streams", m.streams, 1, 100_000), between("bulk", m.bulk, 1, 10_000))
	if m.server != "" {
		err = errors.Join(err, errors.New("--server: a mesh is always started for it"))
	}
	return err
}

var meshAt = regexp.MustCompile(` mesh=(\S+)`)

// start makes a mesh, and waits until all are linked.
func (m *mesh) start(ctx context.Context) (nodes []*process, err error) {
	seed := ""
	for range m.nodes {
		data, err := os.MkdirTemp("", "anode-bench-")
		if err != nil {
			return nodes, err
		}
		args := []string{"serve", "--data", data, "--http", "127.0.0.1:0", "--mesh", "127.0.0.1:0", "--log-level", "warn"}
		if seed != "" {
			args = append(args, "--join", seed)
		}
		p, err := launch(ctx, append(args, m.flags...))
		if err != nil {
			return nodes, errors.Join(err, os.RemoveAll(data))
		}
		p.data = data
		nodes = append(nodes, p)
		if at := meshAt.FindStringSubmatch(p.line); at != nil && seed == "" {
			seed = at[1]
		}
	}
	until := time.Now().Add(startPatience)
	for _, p := range nodes {
		for {
			values, err := p.metrics(ctx)
			if err != nil {
				return nodes, err
			}
			if int(values["anode_mesh_links"]) >= min(m.nodes-1, 3) {
				break
			}
			if time.Now().After(until) {
				return nodes, fmt.Errorf("a node has %v links after %s: %s", values["anode_mesh_links"], startPatience, p.logs)
			}
			if err := wait(ctx, 50*time.Millisecond, func(time.Duration) {}); err != nil {
				return nodes, err
			}
		}
	}
	return nodes, nil
}

// counted are the counts of all nodes together.
type counted struct {
	at     time.Time
	values map[string]float64
}

func count(ctx context.Context, nodes []*process) (counted, error) {
	c := counted{at: time.Now(), values: make(map[string]float64)}
	for _, p := range nodes {
		values, err := p.metrics(ctx)
		if err != nil {
			return c, err
		}
		for name, v := range values {
			c.values[name] += v
		}
	}
	return c, nil
}

func (c counted) since(before counted, name string) float64 {
	return c.values[name] - before.values[name]
}

// quantile reads a histogram: the upper bound, in milliseconds, of the bucket in which the share is reached.
func (c counted) quantile(before counted, name string, share float64) float64 {
	type bucket struct{ bound, count float64 }
	var list []bucket
	for key := range c.values {
		text, ok := strings.CutPrefix(key, name+`_bucket{le="`)
		if !ok {
			continue
		}
		if bound, err := strconv.ParseFloat(strings.TrimSuffix(text, `"}`), 64); err == nil {
			list = append(list, bucket{bound, c.since(before, key)})
		}
	}
	slices.SortFunc(list, func(a, b bucket) int {
		if a.bound < b.bound {
			return -1
		}
		return 1
	})
	for _, b := range list {
		if b.count >= share*c.since(before, name+"_count") {
			return b.bound * 1000
		}
	}
	return 0
}

func (m *mesh) run(ctx context.Context, p progress) (r result, err error) {
	r.name = fmt.Sprintf("%d nodes", m.nodes)
	nodes, err := m.start(ctx)
	defer func() {
		for _, n := range nodes {
			err = errors.Join(err, n.stop())
		}
	}()
	if err != nil {
		return r, err
	}
	stop, err := m.publish(ctx, nodes)
	if err != nil {
		return r, err
	}
	defer func() { _, _ = stop() }() // what went wrong before is told
	if err := wait(ctx, m.warm, func(time.Duration) { p.say("warming up") }); err != nil {
		return r, err
	}
	before, err := count(ctx, nodes)
	if err != nil {
		return r, err
	}
	if err := wait(ctx, m.length, func(done time.Duration) { p.say("%s of %s", done.Round(time.Second), m.length) }); err != nil {
		return r, err
	}
	after, err := count(ctx, nodes)
	if err != nil {
		return r, err
	}
	sent, err := stop()
	if err != nil {
		return r, fmt.Errorf("publish: %w", err)
	}
	held, whole, err := m.settle(ctx, nodes, sent)
	if err != nil {
		return r, err
	}
	m.figures(&r, before, after)
	if !whole {
		r.notes = append(r.notes, fmt.Sprintf("%d were published, and the nodes hold %v", sent, held))
	}
	return r, nil
}

// figures fills in what was measured between two looks.
func (m *mesh) figures(r *result, before, after counted) {
	span := after.at.Sub(before.at).Seconds()
	in := after.since(before, `anode_records_total{dir="in"}`)
	r.add("published", "/s", in/span)
	r.add("reached", "%", 100*after.since(before, `anode_records_total{dir="mesh_in"}`)/(in*float64(m.nodes-1)))
	for _, q := range []struct {
		name  string
		share float64
	}{{"p50", 0.5}, {"p99", 0.99}, {"p99.9", 0.999}} {
		r.add(q.name, "ms", after.quantile(before, "anode_mesh_delivery_seconds", q.share))
	}
	cpu := after.since(before, "process_cpu_seconds_total")
	r.add("cpu", "µs/record", cpu*1e6/in)
	r.add("cores", "", cpu/span)
	r.add("rss", "MB/node", after.values["process_resident_memory_bytes"]/float64(m.nodes)/1e6)
	sealed := after.since(before, "anode_journal_bytes") / float64(m.nodes)
	r.add("wire", "", after.since(before, "anode_mesh_bytes_out_total")/(sealed*float64(m.nodes-1)))
	batches := after.since(before, "anode_mesh_delivery_seconds_count") / float64(m.nodes-1)
	r.add("records", "/batch", in/max(1, batches))
	r.add("writes", "/push", after.since(before, "anode_mesh_writes_total")/max(1, batches*float64(m.nodes-1)))
	r.add("appends", "/batch", after.since(before, "anode_journal_append_seconds_count")/max(1, batches*float64(m.nodes)))
	r.add("redundant", "%", 100*after.since(before, "anode_mesh_redundant_total")/max(1, batches*float64(m.nodes-1)))
	r.add("repaired", "", after.since(before, "anode_mesh_repaired_total"))
}

// publish begins to publish to all nodes; what it gives ends that, once, and tells how many were sent, and why some were not.
func (m *mesh) publish(ctx context.Context, nodes []*process) (stop func() (sent int64, err error), err error) {
	loading, cancel := context.WithCancel(ctx)
	var work sync.WaitGroup
	var mu sync.Mutex // guards sum and faults
	var sum int64
	var faults []error
	var senders []io.Closer
	end := sync.OnceValues(func() (int64, error) {
		cancel()
		work.Wait()
		time.Sleep(settle) // what was written to a socket is taken
		for _, s := range senders {
			_ = s.Close()
		}
		return sum, errors.Join(faults...)
	})
	load := func(run func() (int64, error)) {
		work.Go(func() {
			sent, err := run()
			mu.Lock()
			defer mu.Unlock()
			sum += sent
			if err != nil {
				faults = append(faults, err)
			}
		})
	}
	for i, n := range nodes {
		if m.bulk > 1 {
			load(func() (int64, error) { return m.post(loading, n.url, i) })
			continue
		}
		s, err := newPublisher(ctx, n.url, "/api/v1/subscribe", func(dst []byte, stream int, now time.Time) []byte {
			dst = fmt.Appendf(dst, `{"op":"publish","stream":"bench.mesh.n%d.s%d","data":`, i, stream)
			return append(data(dst, m.size, now), '}')
		})
		if err != nil {
			_, fault := end()
			return nil, errors.Join(err, fault)
		}
		senders = append(senders, s)
		load(func() (int64, error) { return s.run(loading, m.rate/float64(m.nodes), m.streams) })
	}
	return end, nil
}

// post publishes requests of several records at the rate of one node, and tells how many were acknowledged.
func (m *mesh) post(ctx context.Context, base string, number int) (sent int64, err error) {
	client := &http.Client{Transport: &http.Transport{}}
	defer client.CloseIdleConnections()
	pace := time.NewTicker(time.Duration(float64(time.Second) * float64(m.bulk*m.nodes) / m.rate))
	defer pace.Stop()
	var body []byte
	for at := 0; ; at++ {
		select {
		case <-pace.C:
		case <-ctx.Done():
			return sent, nil
		}
		body = body[:0]
		for range m.bulk {
			body = append(data(body, m.size, time.Now()), '\n')
		}
		url := fmt.Sprintf("%s/api/v1/streams/bench.mesh.n%d.s%d/records", base, number, at%m.streams)
		// What was begun is finished, so that what is counted is what was sent.
		req, err := http.NewRequestWithContext(context.WithoutCancel(ctx), http.MethodPost, url, bytes.NewReader(body))
		if err != nil {
			return sent, err
		}
		req.Header.Set("Content-Type", "application/x-ndjson")
		resp, err := client.Do(req)
		if err != nil {
			return sent, err
		}
		answer, err := io.ReadAll(resp.Body)
		if err = errors.Join(err, resp.Body.Close()); err != nil {
			return sent, err
		}
		if resp.StatusCode != http.StatusCreated {
			return sent, fmt.Errorf("%s answers %s: %.200s", url, resp.Status, answer)
		}
		sent += int64(m.bulk)
	}
}

// settlePatience is how long all nodes may take to hold all, after the last was published.
const settlePatience = 30 * time.Second

// settle waits until all nodes hold all that was sent.
func (m *mesh) settle(ctx context.Context, nodes []*process, sent int64) (held []int64, whole bool, err error) {
	for until := time.Now().Add(settlePatience); ; {
		held, whole = make([]int64, len(nodes)), true
		for i, n := range nodes {
			if held[i], err = n.records(ctx); err != nil {
				return held, false, err
			}
			whole = whole && held[i] == sent
		}
		if whole || time.Now().After(until) {
			return held, whole, nil
		}
		if err := wait(ctx, 200*time.Millisecond, func(time.Duration) {}); err != nil {
			return held, false, err
		}
	}
}

// records is how many a node holds.
func (p *process) records(ctx context.Context) (int64, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, p.url+"/api/v1/status", nil)
	if err != nil {
		return 0, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, err
	}
	defer func() { _ = resp.Body.Close() }()
	var status struct {
		Node struct {
			Journal struct {
				Records int64 `json:"records"`
			} `json:"journal"`
		} `json:"node"`
	}
	if err := json.NewDecoder(resp.Body).Decode(&status); err != nil {
		return 0, err
	}
	return status.Node.Journal.Records, nil
}
