package chaos

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"time"
)

const (
	// publishPatience is how long an answer is waited for.
	publishPatience = 2 * time.Second
	// retryPause lies before a further try.
	retryPause = 50 * time.Millisecond
	// longestPad makes records of different sizes.
	longestPad = 600
)

// fence keeps publishers from nodes.
type fence struct {
	mu     sync.RWMutex // held for reading while a publish is under way at any node
	closed map[int]bool
}

// close keeps publishers from a node, and returns when none of them waits for an answer any more.
func (f *fence) close(node int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.closed[node] = true
}

func (f *fence) open(node int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.closed, node)
}

// publisher publishes numbered data to a stream of its own, one after the other, each until it is acknowledged, at any node.
type publisher struct {
	run    *run
	number int
	rate   float64
	rng    *rand.Rand
}

func streamOf(publisher int) string { return fmt.Sprintf("chaos.p%d", publisher) }

// publish runs until ctx ends.
func (p *publisher) publish(ctx context.Context) {
	for n := 0; ; n++ {
		body, err := json.Marshal(struct {
			Datum
			Pad string `json:"pad"`
		}{Datum{p.number, n}, strings.Repeat("x", p.rng.IntN(longestPad))})
		if err != nil {
			panic(err) // a struct of numbers and text
		}
		for !p.try(ctx, Datum{p.number, n}, body) {
			if !sleep(ctx, retryPause) {
				return
			}
		}
		if !sleep(ctx, time.Duration(p.rng.ExpFloat64()/p.rate*float64(time.Second))) {
			return
		}
	}
}

// try makes one try at any node that has a process; true is that it was acknowledged.
func (p *publisher) try(ctx context.Context, datum Datum, body []byte) bool {
	p.run.fence.mu.RLock()
	defer p.run.fence.mu.RUnlock()
	node := p.run.mesh.nodes[p.rng.IntN(len(p.run.mesh.nodes))]
	if p.run.fence.closed[node.Index] || node.State() == Stopped || ctx.Err() != nil {
		return false
	}
	// The try is made to its end also when the run's load ends: a try has an outcome.
	asking, cancel := context.WithTimeout(context.WithoutCancel(ctx), publishPatience)
	defer cancel()
	path := fmt.Sprintf("/api/v1/streams/%s/records?native_id=%d.%d&key=k%d", streamOf(datum.Publisher), datum.Publisher, datum.Number, datum.Number%3)
	op := Publish{Datum: datum, Node: node.Name, Begin: p.run.now()}
	status, answer, err := node.Do(asking, http.MethodPost, path, "application/json", body)
	op.End = p.run.now()
	op.Outcome, op.ID, op.Why = outcome(status, answer, err)
	p.run.published(op)
	return op.Outcome == Acknowledged
}

// outcome reads what a publisher was told.
func outcome(status int, body []byte, err error) (o Outcome, id, why string) {
	if err != nil {
		return Unknown, "", "no answer"
	}
	var answer struct {
		Code    string `json:"code"`
		Records []struct {
			ID        string `json:"id"`
			Duplicate bool   `json:"duplicate"`
		} `json:"records"`
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		return Unknown, "", fmt.Sprintf("%d, and no JSON", status)
	}
	switch r := answer.Records; {
	case status == http.StatusCreated && len(r) == 1 && (r[0].ID != "" || r[0].Duplicate):
		return Acknowledged, r[0].ID, ""
	case answer.Code == "unconfirmed":
		return Unknown, "", answer.Code
	case status == http.StatusServiceUnavailable || status == http.StatusInsufficientStorage:
		return Refused, "", answer.Code
	}
	return Refused, "", fmt.Sprintf("%d %s", status, answer.Code)
}
