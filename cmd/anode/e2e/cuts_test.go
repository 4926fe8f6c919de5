package e2e_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// flow publishes a number of records a second over a number of streams, and keeps all that was stored.
type flow struct {
	rate, streams int
	pad           int // bytes of data beside what is looked at
	url           atomic.Pointer[string]
	stored        atomic.Int64
	mu            sync.Mutex
	unsure        int
}

// run publishes in bulk, fifty times a second, until stop. A bulk that is not answered is not sent again:
// what there is of it is found in the history.
func (f *flow) run(stop <-chan struct{}) {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	pad := strings.Repeat("x", f.pad)
	for n := 0; ; {
		select {
		case <-stop:
			return
		case <-tick.C:
		}
		var body bytes.Buffer
		body.WriteString(`{"records":[`)
		for i := range f.rate / 50 {
			if i > 0 {
				body.WriteByte(',')
			}
			fmt.Fprintf(&body, `{"stream":"cut.s%d","key":"k%d","data":{"n":%d,"rare":%t,"pad":"%s"}}`, n%f.streams, n%7, n, n%500 == 0, pad)
			n++
		}
		body.WriteString(`]}`)
		url := f.url.Load()
		if url == nil {
			continue
		}
		res, err := http.Post(*url+"/api/v1/records", "application/vnd.anode.records+json", &body)
		if err != nil {
			f.mu.Lock()
			f.unsure++
			f.mu.Unlock()
			continue
		}
		if res.StatusCode == http.StatusCreated {
			f.stored.Add(int64(f.rate / 50))
		}
		_ = res.Body.Close()
	}
}

func TestACutClientMissesNothing(t *testing.T) {
	t.Parallel()
	cuts, restarts := 12, 2
	if long() {
		cuts, restarts = 100, 3
	}
	rng := seeded(t)
	dir := t.TempDir()
	n := start(t, dir)
	f := &flow{rate: 2000, streams: 20}
	f.url.Store(&n.url)
	stop := make(chan struct{})
	var publishing sync.WaitGroup
	publishing.Go(func() { f.run(stop) })

	all := &subscription{streams: []string{"cut.>"}, start: "earliest"}
	one := &subscription{streams: []string{"cut.s3", "cut.s4"}, start: map[string]any{"time": "2020-01-01T00:00:00Z"}}
	rare := &subscription{streams: []string{"cut.*"}, start: "earliest", where: ".data.rare"}
	client := &subscriber{subs: map[string]*subscription{"all": all, "one": one, "rare": rare}}
	lines := &events{}
	current := func() string { return *f.url.Load() }
	reading := make(chan struct{})
	var readers sync.WaitGroup
	again := func(connect func() error) {
		for {
			err := connect()
			select {
			case <-reading:
				return
			case <-time.After(10 * time.Millisecond):
				_ = err // a cut, or a node that is starting: come again
			}
		}
	}
	readers.Go(func() {
		again(func() error {
			if err := client.connect(current()); err != nil {
				return err
			}
			return client.read()
		})
	})
	readers.Go(func() { again(func() error { return lines.read(current(), "cut.>") }) })

	for i := range cuts {
		<-time.After(time.Duration(20+rng.IntN(180)) * time.Millisecond)
		if (i+1)%(cuts/(restarts+1)) == 0 && restarts > 0 {
			restarts--
			n = restart(t, n, dir, rng)
			f.url.Store(&n.url)
			continue
		}
		client.cut()
		lines.cut()
	}
	close(stop)
	publishing.Wait()

	var want, wantOne, wantRare []record
	for i := range f.streams {
		for _, r := range n.history(fmt.Sprintf("cut.s%d", i)) {
			want = append(want, r)
			if i == 3 || i == 4 {
				wantOne = append(wantOne, r)
			}
			var data struct{ Rare bool }
			if json.Unmarshal(r.Data, &data) == nil && data.Rare {
				wantRare = append(wantRare, r)
			}
		}
	}
	if int64(len(want)) < f.stored.Load() {
		t.Errorf("%d records were acknowledged, and history has %d", f.stored.Load(), len(want))
	}
	patience := time.Now().Add(30 * time.Second)
	for (client.count("all") < len(want) || client.count("rare") < len(wantRare) || lines.count() < len(want)) && time.Now().Before(patience) {
		<-time.After(20 * time.Millisecond)
	}
	close(reading)
	client.cut()
	lines.cut()
	readers.Wait()

	missing(t, "all", want, all.got)
	missing(t, "one", wantOne, one.got)
	missing(t, "rare", wantRare, rare.got)
	missing(t, "events", want, lines.got)
	for name, s := range client.subs {
		if len(s.faults) > 0 || len(s.gaps) > 0 {
			t.Errorf("%s: %d gaps, faults: %v", name, len(s.gaps), s.faults[:min(len(s.faults), 5)])
		}
	}
	if lines.gaps > 0 {
		t.Errorf("events: %d gaps", lines.gaps)
	}
	t.Logf("%d records, %d bulks unanswered", len(want), f.unsure)
}

func (e *events) count() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return len(e.got)
}

// restart ends a node, in one of the ways in which nodes end, and starts it again.
func restart(t *testing.T, n *node, dir string, rng *rand.Rand) *node {
	t.Helper()
	if rng.IntN(2) == 0 {
		n.kill()
	} else {
		n.stop()
	}
	return start(t, dir)
}
