package source_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"anode/actors/source"
	"anode/messages"
	"anode/messages/command"
	"anode/messages/wire"
)

// open opens the way into a source, which may just be about to run.
func (b *bench) open(q command.OpenPush) (p command.Pusher, err error) {
	b.t.Helper()
	b.await("it is known whether "+q.Name+" can be pushed to", func() bool {
		p, err = b.OpenPush(context.Background(), q)
		_, put := b.list[q.Name]
		return !errors.Is(err, source.ErrNotYet) && !(put && errors.Is(err, command.ErrNotFound))
	})
	return p, err
}

type became struct {
	command.Pushed
	err error
}

// begin pushes a body with "Name: value" headers, and gives where the answer comes.
func (b *bench) begin(q command.OpenPush, body string, headers ...string) (<-chan became, error) {
	b.t.Helper()
	p, err := b.open(q)
	if err != nil {
		return nil, err
	}
	defer p.Close()
	return b.hand(p, body, headers...)
}

func (b *bench) hand(p command.Pusher, body string, headers ...string) (<-chan became, error) {
	b.t.Helper()
	m := command.PushMessage{Body: []byte(body), URL: "/x?a=b", Header: http.Header{}}
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		m.Header.Add(name, value)
	}
	answer := make(chan became, 1)
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := p.Push(ctx, m, func(p command.Pushed, err error) { answer <- became{p, err} }); err != nil {
		return nil, err
	}
	return answer, nil
}

func (b *bench) answer(from <-chan became) (command.Pushed, error) {
	b.t.Helper()
	select {
	case a := <-from:
		return a.Pushed, a.err
	case <-time.After(10 * time.Second):
		b.t.Fatal("a push was not answered")
		panic("unreachable")
	}
}

// push pushes to the source p and waits for the answer.
func (b *bench) push(body string, headers ...string) (command.Pushed, error) {
	b.t.Helper()
	from, err := b.begin(command.OpenPush{Name: "p"}, body, headers...)
	if err != nil {
		return command.Pushed{}, err
	}
	return b.answer(from)
}

// pushed expects an answer as text: accepted filtered duplicate failed.
func (b *bench) pushed(want, body string, headers ...string) {
	b.t.Helper()
	p, err := b.push(body, headers...)
	if got := fmt.Sprint(p.Accepted, p.Dropped.Filtered, p.Dropped.Duplicate, p.Dropped.Failed); err != nil || got != want {
		b.t.Errorf("%.60q: %s, %v; want %s", body, got, err, want)
	}
}

func TestWhatIsPushedGoesThroughTheTransform(t *testing.T) {
	b := newBench(t, nil)
	b.put(`name: p
kind: push
stream: 'm.{e}'
transform: {where: '.drop | not', split: 'if .list then .list[] else . end', map: '{e: ($meta.event // "none"), id: $meta.id, s: $meta.status, u: $meta.url, h: ($meta.headers | keys), v: .v}'}
key: .v
native_id: '.v | if . == null then error("no v") else . end'`)
	b.pushed("1 0 0 0", `{"v":1.10}`, "X-GitHub-Event: ping", "X-GitHub-Delivery: d1", "Authorization: Bearer x", "Cookie: a=b", "X-Hub-Signature: y",
		"X-Gitlab-Token: z", "X-Api-Key: k", "Sec-Websocket-Protocol: anode.bearer.t", "Accept: a/b")
	b.pushed("2 0 0 0", `{"list":[{"v":1},{"v":2}]}`)
	b.pushed("1 0 1 1", `{"list":[{"v":1},{"v":3},{}]}`)
	b.pushed("0 1 0 0", `{"drop":true}`)
	b.pushed("0 0 0 0", "  \n")
	if got := b.intake.on("m.ping"); len(got) != 1 || got[0] != `{"e":"ping","h":["accept","x-github-delivery","x-github-event"],"id":"d1","s":null,"u":"/x?a=b","v":1.10}` {
		t.Errorf("%v", got)
	}
	status := b.awaitState("p", command.SourceRunning)
	if status.Records != 4 || status.Dropped.Duplicate != 1 || status.Dropped.Failed != 1 || status.Dropped.Filtered != 1 || !status.Data.OK || status.Data.Last == nil || status.Transport.Last == nil {
		t.Errorf("%+v", status)
	}
}

func TestAFormIsAnObject(t *testing.T) {
	b := newBench(t, nil)
	b.put("name: p\nkind: push")
	form := "Content-Type: application/x-www-form-urlencoded; charset=utf-8"
	b.pushed("1 0 0 0", "a=1&b=x+y%26&b=%C3%A9", form)
	b.pushed("1 0 0 0", `{"a":1}`, form)
	b.pushed("1 0 0 0", "a=1", "Content-Type: text/plain")
	b.pushed("1 0 0 0", "<a>é</a>", "Content-Type: text/xml")
	b.pushed("1 0 0 0", "\xff\xfe", "Content-Type: image/png")
	if got := strings.Join(b.intake.on("p")[:4], " "); got != `{"a":"1","b":["x y&","é"]} {"a":1} "a=1" "<a>é</a>"` {
		t.Errorf("%s", got)
	}
}

func TestWhoCantPushIsToldWhy(t *testing.T) {
	b := newBench(t, nil)
	b.put("name: r\nkind: rest\nurl: http://127.0.0.1:1/")
	b.put("name: p\nkind: push")
	for name, want := range map[string]error{"nobody": command.ErrNotFound, "r": command.ErrNotPush} {
		if _, err := b.open(command.OpenPush{Name: name}); !errors.Is(err, want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	b.pushed("1 0 0 0", "1")
	b.pause("p", true)
	b.awaitState("p", command.SourcePaused)
	if _, err := b.push("2"); !errors.Is(err, command.ErrUnavailable) || !strings.Contains(err.Error(), "source p is paused") {
		t.Errorf("%v", err)
	}
	b.pause("p", false)
	b.awaitState("p", command.SourceRunning)
	b.pushed("1 0 0 0", "3")
	b.put("name: p\nkind: rest\nurl: http://127.0.0.1:1/")
	b.await("it is no push source", func() bool {
		_, err := b.OpenPush(context.Background(), command.OpenPush{Name: "p"})
		return errors.Is(err, command.ErrNotPush)
	})
	b.put("name: p\nkind: push")
	b.await("it is one again", func() bool {
		_, err := b.OpenPush(context.Background(), command.OpenPush{Name: "p"})
		return err == nil
	})
	b.pushed("1 0 0 0", "5")
	b.remove("p")
	b.await("it is gone", func() bool {
		_, err := b.OpenPush(context.Background(), command.OpenPush{Name: "p"})
		return errors.Is(err, command.ErrNotFound)
	})
	if got := strings.Join(b.intake.on("p"), " "); got != "1 3 5" {
		t.Errorf("%s", got)
	}
}

func TestRulesAnswerAndRefuse(t *testing.T) {
	b := newBench(t, nil)
	b.put(`name: p
kind: push
on:
  - {when: '.type == "url_verification"', send: '${.frame.challenge}'}
  - {when: '.ping', send: {pong: '${.frame.ping}'}}
  - {when: '.event == "error"', fail: 'the sender says ${.frame.msg}'}
transform: {where: 'has("type") or has("ping") | not'}`)
	for body, want := range map[string]string{`{"type":"url_verification","challenge":"abc"}`: "[abc]", `{"ping":7}`: `[{"pong":7}]`, `{"a":1}`: "[]"} {
		if p, err := b.push(body); err != nil || fmt.Sprintf("%s", p.Sent) != want {
			t.Errorf("%s: %s %v", body, p.Sent, err)
		}
	}
	if _, err := b.push(`{"event":"error","msg":"oh"}`); !errors.Is(err, command.ErrInvalid) || !strings.Contains(err.Error(), "the sender says oh") {
		t.Errorf("%v", err)
	}
	if status := b.awaitState("p", command.SourceRunning); status.Restarts != 0 || status.Errors != 1 {
		t.Errorf("%+v", status)
	}
}

func TestSilenceMakesAPushSourceStale(t *testing.T) {
	b := newBench(t, nil)
	b.put("name: p\nkind: push\nliveness: {data: 50ms}\ntransform: {where: '. > 0'}")
	b.put("name: q\nkind: push\nliveness: {transport: 50ms}\ntransform: {where: '. > 0'}")
	b.awaitState("p", command.SourceStale)
	b.awaitState("q", command.SourceStale)
	b.pushed("0 1 0 0", "-1") // no data
	if s, _ := b.Status("p"); s.State != command.SourceStale || s.Data.OK || !s.Transport.OK {
		t.Errorf("%+v", s)
	}
	if from, err := b.begin(command.OpenPush{Name: "q"}, "-1"); err != nil {
		t.Fatal(err)
	} else if _, err := b.answer(from); err != nil {
		t.Fatal(err)
	}
	b.pushed("1 0 0 0", "1")
	b.await("both were heard", func() bool {
		return strings.Contains(strings.Join(b.states("p"), " "), "stale running") && strings.Contains(strings.Join(b.states("q"), " "), "stale running")
	})
	b.awaitState("p", command.SourceStale) // again
	if s, _ := b.Status("p"); s.Restarts != 0 {
		t.Errorf("%+v", s)
	}
}

func TestAWindowOfWhatWasPushedIsRebuilt(t *testing.T) {
	b := newBench(t, nil)
	store(t, b.journal, messages.Draft{Stream: "p", Source: "p", NativeID: "1", Payload: []byte(`{"n":1}`)})
	b.put("name: p\nkind: push\nnative_id: .n")
	b.pushed("0 0 1 0", `{"n":1}`)
}

func TestAPushSourceIsNotTried(t *testing.T) {
	b := newBench(t, nil)
	trial, err := b.Try(context.Background(), command.Try{Document: []byte("name: p\nkind: push"), YAML: true, For: time.Hour, Records: 1})
	if err != nil || len(trial.Hints) != 1 || !strings.Contains(trial.Hints[0], "a push source waits for senders") {
		t.Errorf("%+v %v", trial, err)
	}
	if _, err := b.Try(context.Background(), command.Try{Document: []byte("name: p\nkind: push\nkey: '.['"), YAML: true, For: time.Hour, Records: 1}); err == nil {
		t.Error("a faulty spec passes")
	}
}

func TestWhatIsLimitedIsCounted(t *testing.T) {
	b := newBench(t, nil)
	b.put("name: p\nkind: push\nlimit: {policy: sample, every: 1h}")
	b.pushed("1 0 0 0", "1")
	if p, err := b.push("2"); err != nil || p.Accepted != 0 || p.Dropped.Limited != 1 {
		t.Errorf("%+v %v", p, err)
	}
	b.put("name: p\nkind: push\nlimit: {policy: conflate, every: 20ms}")
	b.await("the other spec runs", func() bool {
		status, _ := b.Status("p")
		return status.State == command.SourceRunning && status.Restarts == 1
	})
	for i := range 50 {
		if _, err := b.push(fmt.Sprint("[", i, "]")); err != nil {
			t.Fatal(err)
		}
	}
	b.await("the last one is stored", func() bool { all := b.intake.on("p"); return all[len(all)-1] == "[49]" })
}

// Senders choose the node: who pushes to another one is not silent here.
func TestWhatIsPushedToAnotherNodeIsNoSilenceHere(t *testing.T) {
	b := newBench(t, nil)
	b.put("name: p\nkind: push\nliveness: {data: 50ms}")
	b.awaitState("p", command.SourceStale)
	sealer := wire.NewSealer(wire.S2)
	var place wire.Place
	place.Origin, place.Epoch = "other", 1
	b.await("it runs again", func() bool {
		place.Sequence++
		place.First = messages.HLC(0).Next(time.Now())
		sealed, _, _, err := sealer.Seal(place, []messages.Draft{{Stream: "p", Source: "p", Payload: []byte("1")}})
		if err != nil {
			t.Fatal(err)
		}
		place.Previous = sealed.HeaderHash()
		b.Learn(command.Stored{Batches: []command.StoredBatch{{Sealed: sealed, Live: true}}})
		s, _ := b.Status("p")
		return s.State == command.SourceRunning
	})
	b.awaitState("p", command.SourceStale) // as nothing comes there either
}
