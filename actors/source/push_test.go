package source_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"anode/actors/source"
	"anode/messages"
	"anode/messages/command"
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

func TestTheTokenIsAskedFor(t *testing.T) {
	dir := t.TempDir()
	write := func(text string) {
		if err := os.WriteFile(filepath.Join(dir, "hook"), []byte(text+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("s3cret-one")
	if err := os.WriteFile(filepath.Join(dir, "hook.hosts"), []byte("api.example.com\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	var ahead atomic.Int64
	b := newBench(t, func(cfg *source.Config) {
		cfg.Secrets.Dir = dir
		cfg.Clock = func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
	})
	b.put("name: p\nkind: push\npush: {token: '${secret:hook}'}")
	try := func(token string) error {
		p, err := b.open(command.OpenPush{Name: "p", Token: token})
		if err == nil {
			p.Close()
		}
		return err
	}
	for _, wrong := range []string{"", "x", "s3cret-on", "s3cret-one ", "S3cret-one"} {
		if err := try(wrong); !errors.Is(err, command.ErrUnauthorized) {
			t.Errorf("%q: %v", wrong, err)
		}
	}
	if err := try("s3cret-one"); err != nil {
		t.Error(err)
	}
	write("s3cret-two")
	ahead.Add(int64(2 * time.Second))
	if err := try("s3cret-one"); !errors.Is(err, command.ErrUnauthorized) {
		t.Errorf("an old token: %v", err)
	}
	if err := try("s3cret-two"); err != nil {
		t.Errorf("the new token: %v", err)
	}
	if err := os.Remove(filepath.Join(dir, "hook")); err != nil {
		t.Fatal(err)
	}
	ahead.Add(int64(2 * time.Second))
	if err := try("s3cret-two"); !errors.Is(err, command.ErrUnavailable) {
		t.Errorf("no token to compare with: %v", err)
	}
	b.Restart("p")
	b.awaitError("p", "secret hook is not on this node")
	if err := try("s3cret-two"); !errors.Is(err, command.ErrUnavailable) {
		t.Errorf("no token to compare with: %v", err)
	}
	if all := b.intake.everything() + b.log.String(); strings.Contains(all, "s3cret") {
		t.Error("the token is shown")
	}
	want := "# HELP anode_source_push_refused_total Senders to a push source that were refused: unauthorized, or crowded for want of room.\n" +
		"# TYPE anode_source_push_refused_total counter\n" +
		"anode_source_push_refused_total{reason=\"crowded\",source=\"p\"} 0\nanode_source_push_refused_total{reason=\"unauthorized\",source=\"p\"} 6\n"
	if err := testutil.GatherAndCompare(b.metrics, strings.NewReader(want), "anode_source_push_refused_total"); err != nil {
		t.Error(err)
	}
}

func sum(alg, key, text string) []byte {
	h := sha256.New
	switch alg {
	case "sha1":
		h = sha1.New
	case "sha512":
		h = sha512.New
	}
	mac := hmac.New(h, []byte(key))
	mac.Write([]byte(text))
	return mac.Sum(nil)
}

func TestTheSignatureIsVerified(t *testing.T) {
	b := newBench(t, func(cfg *source.Config) {
		cfg.Secrets.Getenv = func(name string) string {
			return map[string]string{"ANODE_SECRET_HOOK": "the-key", "ANODE_SECRET_SVIX": "whsec_" + base64.StdEncoding.EncodeToString([]byte("\x00raw\xff"))}[name]
		}
	})
	b.put("name: github\nkind: push\npush: {verify: {alg: sha256, header: X-Hub-Signature-256, secret: '${secret:hook}'}}")
	b.put("name: old\nkind: push\npush: {verify: {alg: sha1, header: X-Sign, secret: '${secret:hook}'}}")
	b.put("name: long\nkind: push\npush: {verify: {alg: sha512, header: X-Sign, secret: '${secret:hook}'}}")
	b.put("name: slack\nkind: push\npush: {verify: {alg: sha256, header: X-Slack-Signature, secret: '${secret:hook}', of: 'v0:${.request.headers[\"x-slack-request-timestamp\"]}:${.request.body}'}}")
	b.put(`name: stripe
kind: push
push: {verify: {alg: sha256, header: Stripe-Signature, secret: '${secret:hook}', of: '${.request.headers["stripe-signature"] | capture("t=(?<t>[0-9]+)").t}.${.request.body}'}}`)
	b.put("name: svix\nkind: push\npush: {verify: {alg: sha256, header: Webhook-Signature, secret: '${secret:svix}', of: '${.request.headers[\"webhook-id\"]}.${.request.headers[\"webhook-timestamp\"]}.${.request.body}'}}")
	body := `{"zen": "é"}`
	hexOf := func(alg, text string) string { return hex.EncodeToString(sum(alg, "the-key", text)) }
	good := []struct {
		source  string
		headers []string
	}{
		{"github", []string{"X-Hub-Signature-256: sha256=" + hexOf("sha256", body)}},
		{"github", []string{"X-Hub-Signature-256: " + strings.ToUpper(hexOf("sha256", body))}},
		{"github", []string{"X-Hub-Signature-256: " + base64.StdEncoding.EncodeToString(sum("sha256", "the-key", body))}},
		{"github", []string{"X-Hub-Signature-256: sha256=" + base64.RawURLEncoding.EncodeToString(sum("sha256", "the-key", body))}},
		{"old", []string{"X-Sign: sha1=" + hexOf("sha1", body)}},
		{"long", []string{"X-Sign: " + base64.StdEncoding.EncodeToString(sum("sha512", "the-key", body))}},
		{"slack", []string{"X-Slack-Request-Timestamp: 1531420618", "X-Slack-Signature: v0=" + hexOf("sha256", "v0:1531420618:"+body)}},
		{"stripe", []string{"Stripe-Signature: t=1492774577,v1=" + strings.Repeat("0", 64) + ",v1=" + hexOf("sha256", "1492774577."+body) + ",v0=abc"}},
		{"svix", []string{"Webhook-Id: msg_1", "Webhook-Timestamp: 5", "Webhook-Signature: v1,AAAA v1," + base64.StdEncoding.EncodeToString(sum("sha256", "\x00raw\xff", "msg_1.5."+body))}},
	}
	push := func(source, body string, headers ...string) error {
		from, err := b.begin(command.OpenPush{Name: source}, body, headers...)
		if err != nil {
			return err
		}
		p, err := b.answer(from)
		if err == nil && p.Accepted != 1 {
			return fmt.Errorf("%+v", p)
		}
		return err
	}
	for _, c := range good {
		if err := push(c.source, body, c.headers...); err != nil {
			t.Errorf("%s %v: %v", c.source, c.headers, err)
		}
		if err := push(c.source, body+" ", c.headers...); !errors.Is(err, command.ErrUnauthorized) {
			t.Errorf("%s: another body: %v", c.source, err)
		}
	}
	right := hexOf("sha256", body)
	for _, wrong := range []string{
		"", "x", "sha256=", "sha256=" + right[:62], right[:63] + "g", "sha256=" + hex.EncodeToString(sum("sha256", "another-key", body)),
		"sha1=" + hexOf("sha1", body), strings.Repeat("a=b,", 40) + right, strings.Repeat("=", 100),
	} {
		if err := push("github", body, "X-Hub-Signature-256: "+wrong); !errors.Is(err, command.ErrUnauthorized) {
			t.Errorf("%.80q: %v", wrong, err)
		}
	}
	for _, c := range [][]string{{"slack", "X-Slack-Signature: v0=" + hexOf("sha256", "v0::"+body), "\xff"}, {"stripe", "Stripe-Signature: v1=" + right, body}} {
		if err := push(c[0], c[2], c[1]); !errors.Is(err, command.ErrUnauthorized) {
			t.Errorf("%v: %v", c, err)
		}
	}
	if _, err := b.open(command.OpenPush{Name: "github", Socket: true}); !errors.Is(err, command.ErrUnauthorized) {
		t.Errorf("a WebSocket: %v", err)
	}
	if b.intake.count("github") != 4 || strings.Contains(b.intake.everything()+b.log.String(), "the-key") {
		t.Errorf("%d records", b.intake.count("github"))
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

// A message is answered when the journal has it, in order, and what repeats one that is not stored yet with it.
func TestAnswersWaitForTheJournal(t *testing.T) {
	b := newBench(t, nil)
	b.put("name: p\nkind: push\nnative_id: .n")
	b.pushed("1 0 0 0", `{"n":0}`)
	b.intake.set(true, nil)
	var answers []<-chan became
	for _, body := range []string{`{"n":1}`, `{"n":1}`, `{"n":2}`} {
		from, err := b.begin(command.OpenPush{Name: "p"}, body)
		if err != nil {
			t.Fatal(err)
		}
		answers = append(answers, from)
	}
	b.await("all are fed", func() bool { s, _ := b.Status("p"); return s.Dropped.Duplicate == 1 && b.held() == 2 })
	for i, from := range answers {
		if len(from) > 0 {
			t.Errorf("%d was answered before the journal had it", i)
		}
	}
	b.intake.set(false, nil)
	for i, want := range []string{"1 0", "0 1", "1 0"} {
		p, err := b.answer(answers[i])
		if got := fmt.Sprint(p.Accepted, p.Dropped.Duplicate); err != nil || got != want {
			t.Errorf("%d: %s %v", i, got, err)
		}
	}
}

func (b *bench) held() int {
	b.intake.mu.Lock()
	defer b.intake.mu.Unlock()
	return len(b.intake.held)
}

func TestWhatTheJournalRefusesIsNotAccepted(t *testing.T) {
	b := newBench(t, nil)
	b.put("name: p\nkind: push\nnative_id: .n\nbackoff: {min: 1h, max: 1h}")
	b.pushed("1 0 0 0", `{"n":0}`)
	b.intake.set(true, nil)
	var answers []<-chan became
	for _, body := range []string{`{"n":1}`, `{"n":1}`} {
		from, err := b.begin(command.OpenPush{Name: "p"}, body)
		if err != nil {
			t.Fatal(err)
		}
		answers = append(answers, from)
	}
	b.await("both are fed", func() bool { s, _ := b.Status("p"); return s.Dropped.Duplicate == 1 && b.held() == 1 })
	full := fmt.Errorf("%w: no room", command.ErrStorageFull)
	b.fail(full)
	for i, from := range answers {
		if p, err := b.answer(from); !errors.Is(err, command.ErrStorageFull) || p.Accepted != 0 || p.Dropped.Duplicate != 0 {
			t.Errorf("%d: %+v %v", i, p, err)
		}
	}
	// It is tried again when something comes and the journal takes records, without waiting for the pause.
	b.intake.set(false, full)
	if _, err := b.push(`{"n":2}`); !errors.Is(err, command.ErrStorageFull) {
		t.Errorf("%v", err)
	}
	b.awaitState("p", command.SourceBackoff)
	b.intake.set(false, nil)
	b.pushed("1 0 0 0", `{"n":1}`) // not a duplicate: it was not stored
	b.pushed("0 0 1 0", `{"n":1}`)
	b.pushed("1 0 0 0", `{"n":2}`)
	status := b.awaitState("p", command.SourceRunning)
	if status.Records != 3 || status.Dropped.Failed != 0 {
		t.Errorf("%+v", status)
	}
}

// fail answers what the journal holds with an error, and takes again.
func (b *bench) fail(err error) {
	b.intake.mu.Lock()
	held := b.intake.held
	b.intake.held, b.intake.hold = nil, false
	b.intake.mu.Unlock()
	for _, s := range held {
		s.Done(command.Outcome{Err: err})
	}
}

// What was pushed before a change of the spec, or a restart, is taken by who comes after it.
func TestNothingIsLostWhileASourceChanges(t *testing.T) {
	b := newBench(t, nil)
	spec := "name: p\nkind: push\nlabels: {v: 'n%d'}\nnative_id: .n"
	b.put(spec, 0)
	stop := make(chan struct{})
	var changes sync.WaitGroup
	changes.Add(1)
	go func() {
		defer changes.Done()
		for i := 1; ; i++ {
			select {
			case <-stop:
				return
			default:
			}
			if b.Restart("p"); i%3 == 0 {
				b.put(spec, i)
			}
			runtime.Gosched()
		}
	}()
	const senders, each = 8, 200
	var all sync.WaitGroup
	var accepted atomic.Uint64
	for s := range senders {
		all.Add(1)
		go func() {
			defer all.Done()
			for i := range each {
				for {
					p, err := b.OpenPush(context.Background(), command.OpenPush{Name: "p"})
					if errors.Is(err, source.ErrNotYet) || errors.Is(err, command.ErrNotFound) {
						runtime.Gosched()
						continue
					}
					if err != nil {
						t.Error(err)
						return
					}
					from, err := b.hand(p, fmt.Sprintf(`{"n":"%d-%d"}`, s, i))
					p.Close()
					if err != nil {
						t.Error(err)
						return
					}
					a := <-from
					if a.err != nil {
						t.Error(a.err)
						return
					}
					accepted.Add(a.Accepted)
					break
				}
			}
		}()
	}
	all.Wait()
	close(stop)
	changes.Wait()
	if got := b.intake.on("p"); accepted.Load() != senders*each || len(got) != senders*each {
		t.Errorf("%d accepted, %d stored", accepted.Load(), len(got))
	}
	next := make(map[string]int) // each sender's order is kept
	for _, d := range b.intake.drafts {
		if d.Stream != "p" {
			continue
		}
		sender, n, _ := strings.Cut(d.NativeID, "-")
		if n != fmt.Sprint(next[sender]) {
			t.Fatalf("sender %s: %s after %d", sender, n, next[sender]-1)
		}
		next[sender]++
	}
}

func TestTheInboxIsBounded(t *testing.T) {
	b := newBench(t, nil)
	b.put("name: p\nkind: push")
	b.pushed("1 0 0 0", "0")
	b.intake.set(true, nil)
	short, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
	defer cancel()
	p, err := b.open(command.OpenPush{Name: "p"})
	if err != nil {
		t.Fatal(err)
	}
	var answers []<-chan became
	for i := range 1024 {
		from, err := b.hand(p, fmt.Sprint(i))
		if err != nil {
			t.Fatal(i, err)
		}
		answers = append(answers, from)
	}
	if err := p.Push(short, command.PushMessage{Body: []byte("x")}, func(command.Pushed, error) { t.Error("answered") }); !errors.Is(err, command.ErrTooMany) {
		t.Errorf("one too many: %v", err)
	}
	b.intake.set(false, nil)
	for _, from := range answers {
		if p, err := b.answer(from); err != nil || p.Accepted != 1 {
			t.Fatal(p, err)
		}
	}
	p.Close()
	// Bytes are given back when they are not pushed, and when they are answered.
	for range 3 {
		short, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
		defer cancel()
		if err := p.Reserve(short, 32<<20); err != nil {
			t.Fatal(err)
		}
		if err := p.Reserve(short, 1); !errors.Is(err, command.ErrTooMany) {
			t.Errorf("a byte too many: %v", err)
		}
		if from, err := b.hand(p, "1"); err != nil {
			t.Fatal(err)
		} else if _, err := b.answer(from); err != nil {
			t.Fatal(err)
		}
		if err := p.Reserve(context.Background(), 32<<20); err != nil {
			t.Fatal(err)
		}
		p.Close()
	}
	// All sources share what a node has.
	var open []command.Pusher
	for i, want := range []error{nil, nil, command.ErrTooMany} {
		name := fmt.Sprint("q", i)
		b.put("name: %s\nkind: push", name)
		q, err := b.open(command.OpenPush{Name: name})
		if err != nil {
			t.Fatal(err)
		}
		short, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
		defer cancel()
		if err := q.Reserve(short, 32<<20); !errors.Is(err, want) {
			t.Errorf("%s: %v", name, err)
		}
		open = append(open, q)
	}
	for _, q := range open {
		q.Close()
	}
}

func TestAPausedSourceRefusesWhatWaits(t *testing.T) {
	b := newBench(t, nil)
	b.put("name: p\nkind: push")
	b.pushed("1 0 0 0", "0")
	b.intake.set(true, nil)
	var answers []<-chan became
	big := `"` + strings.Repeat("x", 600<<10) + `"`
	for range 20 { // more than is on its way at once: some wait
		from, err := b.begin(command.OpenPush{Name: "p"}, big)
		if err != nil {
			t.Fatal(err)
		}
		answers = append(answers, from)
	}
	b.await("the window is full", func() bool { return b.held() >= 6 })
	b.pause("p", true)
	time.AfterFunc(50*time.Millisecond, func() { b.intake.set(false, nil) })
	accepted, refused := 0, 0
	for _, from := range answers {
		p, err := b.answer(from)
		switch {
		case err == nil && p.Accepted == 1:
			accepted++
		case errors.Is(err, command.ErrUnavailable):
			refused++
		default:
			t.Errorf("%+v %v", p, err)
		}
	}
	b.awaitState("p", command.SourcePaused)
	if n := b.intake.count("p") - 1; n != accepted || refused == 0 || accepted < 6 {
		t.Errorf("%d accepted, %d refused, %d stored", accepted, refused, n)
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

func TestWhoIsOpenToAllIsWarnedOf(t *testing.T) {
	for _, c := range []struct {
		exposed bool
		push    string
		warned  bool
	}{{true, "", true}, {false, "", false}, {true, "push: {token: '${secret:a}'}", false}} {
		b := newBench(t, func(cfg *source.Config) {
			cfg.Exposed = c.exposed
			cfg.Secrets.Getenv = func(string) string { return "a-secret" }
		})
		b.put("name: p\nkind: push\n%s", c.push)
		b.awaitState("p", command.SourceRunning)
		b.Restart("p")
		b.await("it runs again", func() bool { s, _ := b.Status("p"); return s.Restarts == 1 && s.State == command.SourceRunning })
		if n := strings.Count(b.log.String(), "anybody who reaches this node can push"); n != map[bool]int{true: 1}[c.warned] {
			t.Errorf("%+v: %d warnings", c, n)
		}
	}
}
