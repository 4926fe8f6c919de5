package e2e_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
)

const pushSpec = `{"name":"hook","kind":"push","stream":"hook.{w}","native_id":".n","transform":{"map":"{w, n}"}}`

// pushes is a sender that pushes numbered messages, one after the other, and each again until it is answered.
type pushes struct {
	name string
	next int
	// repeated are answers that call a message a duplicate.
	repeated int
}

func (p *pushes) run(t *testing.T, n *node, stop <-chan struct{}) {
	for {
		select {
		case <-stop:
			return
		default:
		}
		status, body, err := n.try(http.MethodPost, "/api/v1/sources/hook/push", "application/json", fmt.Sprintf(`{"w":%q,"n":%d,"pad":%q}`, p.name, p.next, strings.Repeat("x", p.next%700)))
		switch {
		case err != nil:
			return // the node is going: this message comes again
		case status == http.StatusServiceUnavailable || status == http.StatusTooManyRequests:
			time.Sleep(5 * time.Millisecond)
			continue
		case status != http.StatusAccepted:
			t.Errorf("%d %s", status, body)
			return
		}
		var answer struct {
			Accepted int
			Dropped  struct{ Duplicate int }
		}
		if err := json.Unmarshal(body, &answer); err != nil || answer.Accepted+answer.Dropped.Duplicate != 1 {
			t.Errorf("%s: %v", body, err)
			return
		}
		p.repeated += answer.Dropped.Duplicate
		p.next++
	}
}

// What was answered with 202 is there after every kill, in order and once, though its sender pushes again what was not
// answered; nor does a pause lose any.
func TestNothingPushedIsLostWhenTheNodeIsKilled(t *testing.T) {
	t.Parallel()
	kills := 3
	if long() {
		kills = 30
	}
	rng, dir := seeded(t), t.TempDir()
	n := start(t, dir)
	if status, body := n.call(http.MethodPost, "/api/v1/sources", "application/json", pushSpec); status != http.StatusCreated {
		t.Fatalf("%d %s", status, body)
	}
	var senders []*pushes
	for i := range 8 {
		senders = append(senders, &pushes{name: fmt.Sprint("s", i)})
	}
	for kill := range kills {
		stop := make(chan struct{})
		var all sync.WaitGroup
		for _, p := range senders {
			all.Go(func() { p.run(t, n, stop) })
		}
		time.Sleep(time.Duration(100+rng.IntN(300)) * time.Millisecond)
		if kill%3 == 0 {
			for _, action := range []string{"pause", "resume", "restart"} {
				n.call(http.MethodPost, "/api/v1/sources/hook/"+action, "", "")
				time.Sleep(50 * time.Millisecond)
			}
		}
		n.kill()
		close(stop)
		all.Wait()
		n = start(t, dir)
	}
	stop := make(chan struct{})
	var all sync.WaitGroup
	for _, p := range senders {
		all.Go(func() { p.run(t, n, stop) })
	}
	time.Sleep(100 * time.Millisecond)
	close(stop)
	all.Wait()
	total := 0
	for _, p := range senders {
		stored := n.history("hook." + p.name)
		for i, r := range stored {
			if r.NativeID != fmt.Sprint(i) {
				t.Fatalf("%s: record %d is %s", p.name, i, r.NativeID)
			}
		}
		if len(stored) < p.next || len(stored) > p.next+1 { // one may be stored and not answered
			t.Errorf("%s: %d answered, %d stored", p.name, p.next, len(stored))
		}
		total += len(stored)
	}
	repeated := 0
	for _, p := range senders {
		repeated += p.repeated
	}
	t.Logf("%d messages, %d of them pushed again after they were stored", total, repeated)
	n.stop()
	verify(t, dir)
}
