package e2e_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
)

// writer publishes numbered records to a stream of its own, one after the other, and keeps what was
// acknowledged. One that was not answered is published again: it must not be stored twice.
type writer struct {
	stream string
	next   int
	acked  map[int]string // number → id; empty where it was recognised as a duplicate
}

func (w *writer) run(n *node, stop <-chan struct{}) {
	for {
		select {
		case <-stop:
			return
		default:
		}
		path := fmt.Sprintf("/api/v1/streams/%s/records?native_id=%d&key=k%d", w.stream, w.next, w.next%3)
		status, body, err := n.try(http.MethodPost, path, "application/json", fmt.Sprintf(`{"n":%d,"pad":%q}`, w.next, strings.Repeat("x", w.next%700)))
		if err != nil || status != http.StatusCreated {
			return // the node is going: this number comes again
		}
		var answer struct {
			Records []struct {
				ID        string `json:"id"`
				Duplicate bool   `json:"duplicate"`
			} `json:"records"`
		}
		if json.Unmarshal(body, &answer) != nil || len(answer.Records) != 1 {
			return
		}
		w.acked[w.next] = answer.Records[0].ID
		w.next++
	}
}

func TestNothingAcknowledgedIsLostWhenTheNodeIsKilled(t *testing.T) {
	t.Parallel()
	kills := 4
	if long() {
		kills = 50
	}
	for _, durability := range []string{"sync", "interval", "none"} {
		t.Run(durability, func(t *testing.T) {
			t.Parallel()
			killOften(t, seeded(t), durability, kills)
		})
	}
}

const quietSpec = `{"name":"quiet","kind":"rest","url":"https://192.0.2.1/nothing","stream":"quiet.{id}","rest":{"every":"1h"}}`

func killOften(t *testing.T, rng *rand.Rand, durability string, kills int) {
	dir := t.TempDir()
	writers := make([]*writer, 8)
	for i := range writers {
		writers[i] = &writer{stream: fmt.Sprintf("kill.w%d", i), acked: map[int]string{}}
	}
	for round := range kills {
		n := start(t, dir, "--durability", durability, "--retention-bytes", "1GiB")
		if round == 0 {
			if status, body := n.call(http.MethodPost, "/api/v1/sources", "application/json", quietSpec); status != http.StatusCreated {
				t.Fatalf("register: %d %s", status, body)
			}
		}
		if status, body := n.call(http.MethodGet, "/api/v1/sources/quiet", "", ""); status != http.StatusOK {
			t.Fatalf("after kill %d the source is not back: %d %s", round, status, body)
		}
		stop := make(chan struct{})
		var work sync.WaitGroup
		for _, w := range writers {
			work.Go(func() { w.run(n, stop) })
		}
		<-time.After(time.Duration(20+rng.IntN(400)) * time.Millisecond)
		n.kill()
		close(stop)
		work.Wait()
	}
	verify(t, dir)
	n := start(t, dir, "--durability", durability)
	total := 0
	for _, w := range writers {
		total += len(w.acked)
		checkWriter(t, n, w)
	}
	t.Logf("%s: %d records were acknowledged over %d kills", durability, total, kills)
	if total < kills {
		t.Errorf("only %d records were acknowledged: this test shows nothing", total)
	}
	n.stop()
	verify(t, dir)
}

// checkWriter demands every acknowledged record once, under the id that was answered, in order.
func checkWriter(t *testing.T, n *node, w *writer) {
	t.Helper()
	places := map[string][]string{}
	last := position{}
	for _, r := range n.history(w.stream) {
		places[r.NativeID] = append(places[r.NativeID], r.ID)
		if p := parsePosition(r.ID); last.origin != "" && !p.above(last) {
			t.Errorf("%s: %s comes after %v", w.stream, r.ID, last)
		} else {
			last = p
		}
	}
	for number, id := range w.acked {
		held := places[fmt.Sprint(number)]
		switch {
		case len(held) != 1:
			t.Errorf("%s: record %d, acknowledged as %q, is there %d times: %v", w.stream, number, id, len(held), held)
		case id != "" && held[0] != id:
			t.Errorf("%s: record %d was acknowledged as %s and is at %s", w.stream, number, id, held[0])
		}
	}
}

func verify(t *testing.T, dir string) {
	t.Helper()
	if out, err := anode(t, "verify", "--data", dir); err != nil {
		t.Fatalf("anode verify: %v\n%s", err, out)
	}
}
