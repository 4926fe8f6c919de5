package bench

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/spf13/cobra"
)

// ingest publishes as fast as the node acknowledges.
type ingest struct {
	common
	via                              string
	connections, window, batch, size int
	streams                          int
	measures                         atomic.Bool
	published, refused               atomic.Int64
	times                            latencies
}

func newIngest() *cobra.Command {
	i := &ingest{}
	cmd := &cobra.Command{
		Use: "ingest", Short: "publish records as fast as they are acknowledged",
		Long: `Publish records over several connections, each with a number of records that wait for their acknowledgement.
Latency is from the request to the acknowledgement, which waits for the disk as --durability of the node says.`,
		Example: `  anode bench ingest --connections 8 --window 128
  anode bench ingest --via rest --batch 100
  anode bench ingest --connections 1 --window 1 --serve-flag=--durability=none`,
		Args: cobra.NoArgs,
	}
	i.add(cmd)
	flags := cmd.Flags()
	flags.StringVar(&i.via, "via", "websocket", "how to publish: websocket or rest")
	flags.IntVar(&i.connections, "connections", 4, "how many publish at once")
	flags.IntVar(&i.window, "window", 128, "records of a WebSocket that wait for their answer")
	flags.IntVar(&i.batch, "batch", 100, "records of a REST request")
	flags.IntVar(&i.size, "size", 256, "bytes of a record's data")
	flags.IntVar(&i.streams, "streams", 10, "how many streams")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if err := i.check(); err != nil {
			return err
		}
		r, err := i.run(cmd.Context(), newProgress(cmd.ErrOrStderr()))
		if err != nil {
			return err
		}
		return report(cmd.OutOrStdout(), i.output, []result{r})
	}
	return cmd
}

func (i *ingest) check() error {
	err := errors.Join(i.common.check(), between("connections", i.connections, 1, 10_000), between("window", i.window, 1, 256),
		between("batch", i.batch, 1, 10_000), between("size", i.size, leastSize, 1<<20), between("streams", i.streams, 1, 100_000))
	if i.via != "websocket" && i.via != "rest" {
		err = errors.Join(err, fmt.Errorf("--via %s: websocket and rest are known", i.via))
	}
	return err
}

func (i *ingest) run(ctx context.Context, p progress) (r result, err error) {
	r.name = i.via
	defer p.clear()
	server, err := i.node(ctx)
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, server.stop()) }()
	loading, stop := context.WithCancel(ctx)
	var work sync.WaitGroup
	failed := make(chan error, i.connections)
	defer work.Wait()
	defer stop()
	for n := range i.connections {
		work.Add(1)
		go func() {
			defer work.Done()
			load := i.webSocket
			if i.via == "rest" {
				load = i.rest
			}
			if err := load(loading, server.url, n); err != nil && loading.Err() == nil {
				failed <- err
			}
		}()
	}
	if err := i.wait(ctx, time.Second, failed, func(time.Duration) { p.say("warming up") }); err != nil {
		return r, err
	}
	before, err := server.usage(ctx)
	if err != nil {
		return r, err
	}
	from := i.published.Load()
	i.measures.Store(true)
	if err := i.wait(ctx, i.length, failed, func(done time.Duration) {
		p.say("%s of %s, %.0f records/s acknowledged", done.Round(time.Second), i.length, float64(i.published.Load()-from)/done.Seconds())
	}); err != nil {
		return r, err
	}
	i.measures.Store(false)
	published := float64(i.published.Load() - from)
	after, err := server.usage(ctx)
	if err != nil {
		return r, err
	}
	used := after.since(before)
	r.add("acknowledged", "/s", published/used.span.Seconds())
	r.addLatency(&i.times)
	r.addUsage(used, published)
	r.add("refused", "", float64(i.refused.Load()))
	return r, nil
}

// wait waits, or until a connection failed.
func (i *ingest) wait(ctx context.Context, length time.Duration, failed <-chan error, say func(time.Duration)) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	done := make(chan struct{})
	defer close(done)
	go func() {
		select {
		case err := <-failed:
			cancel(err)
		case <-done:
		}
	}()
	return wait(ctx, length, say)
}

// acknowledged notes answers.
func (i *ingest) acknowledged(records int, times []time.Duration) {
	i.published.Add(int64(records))
	if i.measures.Load() {
		i.times.add(times)
	}
}

// webSocket keeps a window of publish requests open; the id of each is the time it was sent at.
func (i *ingest) webSocket(ctx context.Context, base string, number int) error {
	c, rest, err := dial(ctx, base, "/api/v1/subscribe", nil)
	if err != nil {
		return err
	}
	defer context.AfterFunc(ctx, func() { _ = c.Close() })()
	defer func() { _ = c.Close() }()
	var buf, message []byte
	next := number
	request := func(count int) error {
		buf = buf[:0]
		for range count {
			now := time.Now()
			message = strconv.AppendInt(append(message[:0], `{"op":"publish","id":`...), now.UnixNano(), 10)
			message = fmt.Appendf(message, `,"stream":"bench.ingest.s%d","data":`, next%i.streams)
			buf = appendFrame(buf, append(data(message, i.size, now), '}'))
			next++
		}
		_, err := c.Write(buf)
		return err
	}
	if err := request(i.window); err != nil {
		return err
	}
	return i.answers(c, rest, request)
}

// answers reads acknowledgements, and sends as many requests again.
func (i *ingest) answers(c net.Conn, rest []byte, request func(int) error) error {
	in := make([]byte, 64<<10)
	have := copy(in, rest)
	var times []time.Duration
	for {
		used, now := 0, time.Now().UnixNano()
		times = times[:0]
		answered := 0
		for {
			payload, size := frame(in[used:have])
			if size == 0 || used+size > have {
				break
			}
			used += size
			answered++
			if !bytes.HasPrefix(payload, []byte(`{"op":"published"`)) {
				i.refused.Add(1)
				continue
			}
			if at, ok := number64(payload, []byte(`"id":`)); ok {
				times = append(times, time.Duration(now-at))
			}
		}
		if have = copy(in, in[used:have]); have == len(in) {
			return fmt.Errorf("an answer is above %d bytes", len(in))
		}
		i.acknowledged(len(times), times)
		if answered > 0 {
			if err := request(answered); err != nil {
				return err
			}
		}
		n, err := c.Read(in[have:])
		have += n
		if err != nil {
			return err
		}
	}
}

// rest posts lines, one request after another.
func (i *ingest) rest(ctx context.Context, base string, number int) error {
	url := fmt.Sprintf("%s/api/v1/streams/bench.ingest.s%d/records", base, number%i.streams)
	client := &http.Client{Transport: &http.Transport{}}
	defer client.CloseIdleConnections()
	var body []byte
	for ctx.Err() == nil {
		body = body[:0]
		for range i.batch {
			body = append(data(body, i.size, time.Now()), '\n')
		}
		began := time.Now()
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
		if err != nil {
			return err
		}
		req.Header.Set("Content-Type", "application/x-ndjson")
		resp, err := client.Do(req)
		if err != nil {
			return err
		}
		answer, err := io.ReadAll(resp.Body)
		if err = errors.Join(err, resp.Body.Close()); err != nil {
			return err
		}
		if resp.StatusCode != http.StatusCreated {
			i.refused.Add(int64(i.batch))
			return fmt.Errorf("%s answers %s: %.200s", url, resp.Status, answer)
		}
		i.acknowledged(i.batch, []time.Duration{time.Since(began)})
	}
	return nil
}
