package bench

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/gorilla/websocket"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/spf13/cobra"
)

// broadcast is what people write by hand: each connection has a goroutine and a buffered channel,
// a message goes to the channel of everyone who wants it, and is dropped where that is full. mu
// guards rooms.
type broadcast struct {
	mu       sync.RWMutex
	rooms    map[string]map[chan []byte]struct{}
	upgrader websocket.Upgrader
	dropped  prometheus.Counter
	work     sync.WaitGroup
}

// mostBuffered is the length of a connection's channel, as gorilla's chat example has it.
const mostBuffered = 256

func newBaseline() *cobra.Command {
	return &cobra.Command{
		Use: "baseline", Short: "serve a plain broadcast loop, for fanout --baseline", Hidden: true, Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				return err
			}
			b, handler := newBroadcast()
			server := &http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second}
			failed := make(chan error, 1)
			go func() { failed <- server.Serve(l) }()
			fmt.Fprintf(cmd.OutOrStdout(), "baseline: serving http=http://%s\n", l.Addr())
			select {
			case <-cmd.Context().Done():
				err = errors.Join(server.Close(), ignoreClosed(<-failed))
			case err = <-failed:
			}
			b.end()
			return err
		},
	}
}

func ignoreClosed(err error) error {
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}

func newBroadcast() (*broadcast, http.Handler) {
	b := &broadcast{
		rooms:   make(map[string]map[chan []byte]struct{}),
		dropped: prometheus.NewCounter(prometheus.CounterOpts{Name: "baseline_dropped_total", Help: "Messages that met a full channel."}),
	}
	b.upgrader = websocket.Upgrader{ReadBufferSize: 1024, WriteBufferSize: 1024, Subprotocols: []string{"anode.v1.json"}}
	reg := prometheus.NewRegistry()
	reg.MustRegister(b.dropped, collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	mux := http.NewServeMux()
	mux.HandleFunc("/subscribe", b.subscribe)
	mux.HandleFunc("/publish", b.publish)
	mux.Handle("/metrics", promhttp.HandlerFor(reg, promhttp.HandlerOpts{}))
	return b, mux
}

// end closes all channels, and with them the connections.
func (b *broadcast) end() {
	b.mu.Lock()
	for _, room := range b.rooms {
		for ch := range room {
			close(ch)
		}
	}
	b.rooms = nil
	b.mu.Unlock()
	b.work.Wait()
}

func (b *broadcast) subscribe(w http.ResponseWriter, r *http.Request) {
	conn, err := b.upgrader.Upgrade(w, r, nil)
	if err != nil {
		return
	}
	stream := r.URL.Query().Get("stream")
	ch := make(chan []byte, mostBuffered)
	b.mu.Lock()
	if b.rooms == nil {
		b.mu.Unlock()
		_ = conn.Close()
		return
	}
	if b.rooms[stream] == nil {
		b.rooms[stream] = make(map[chan []byte]struct{})
	}
	b.rooms[stream][ch] = struct{}{}
	b.work.Add(1)
	b.mu.Unlock()
	go func() {
		defer b.work.Done()
		defer func() { _ = conn.Close() }()
		for message := range ch {
			if conn.SetWriteDeadline(time.Now().Add(10*time.Second)) != nil || conn.WriteMessage(websocket.TextMessage, message) != nil {
				return
			}
		}
	}()
	for { // until the client leaves
		if _, _, err := conn.ReadMessage(); err != nil {
			break
		}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if _, ok := b.rooms[stream][ch]; ok {
		delete(b.rooms[stream], ch)
		close(ch)
	}
}

// publish takes messages that are a stream, a space and the data.
func (b *broadcast) publish(w http.ResponseWriter, r *http.Request) {
	conn, err := b.upgrader.Upgrade(w, r, nil)
	if err != nil {
		return
	}
	defer func() { _ = conn.Close() }()
	for {
		_, message, err := conn.ReadMessage()
		if err != nil {
			return
		}
		stream, text, _ := bytes.Cut(message, []byte{' '})
		b.mu.RLock()
		for ch := range b.rooms[string(stream)] {
			select {
			case ch <- text:
			default:
				b.dropped.Inc()
			}
		}
		b.mu.RUnlock()
	}
}

// startBaseline starts it as a process of its own.
func startBaseline(ctx context.Context) (*process, error) {
	return launch(ctx, []string{"bench", "baseline"})
}
