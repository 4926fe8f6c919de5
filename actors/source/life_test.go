package source_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	gorilla "github.com/gorilla/websocket"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"anode/actors/source"
	"anode/actors/source/transform"
	"anode/messages"
	"anode/messages/command"
	"anode/messages/wire"
	"anode/storage"
	"anode/testkit/feeds"
)

func TestOnlyWhatChangedIsStartedAgain(t *testing.T) {
	b := newBench(t, nil)
	sockets, urls := make(map[string]*feeds.Socket), make(map[string]string)
	for _, name := range []string{"a", "b"} {
		sockets[name] = feeds.NewSocket(feeds.Play(feeds.Send("1"), feeds.Silence()))
		urls[name] = b.serve(sockets[name]).SocketURL("/")
		b.put("name: %s\nkind: websocket\nurl: %s", name, urls[name])
		b.awaitState(name, command.SourceRunning)
	}
	b.put("kind: websocket\nurl: %s\nname: a\n", urls["a"]) // the same in another order
	b.put("name: b\nkind: websocket\nurl: %s\nlabels: {team: lab}", urls["b"])
	b.await("b connects anew", func() bool { return sockets["b"].Handshakes() == 2 })
	b.awaitState("b", command.SourceRunning)
	for range 5 {
		b.assign()
	}
	b.put("name: c\nkind: websocket\nurl: %s", urls["a"])
	b.awaitState("c", command.SourceRunning)
	if n := sockets["a"].Handshakes(); n != 2 { // that of c is the second
		t.Errorf("a and c made %d connections", n)
	}
	if n := sockets["b"].Handshakes(); n != 2 {
		t.Errorf("b made %d connections", n)
	}
}

func TestPauseResumeRemoveAndAgain(t *testing.T) {
	b := newBench(t, nil)
	socket := feeds.NewSocket(feeds.Play(feeds.Send("1"), feeds.Silence()))
	server := b.serve(socket)
	put := func() { b.put("name: a\nkind: websocket\nurl: %s", server.SocketURL("/")) }
	put()
	b.awaitRecords("a", 1)
	b.pause("a", true)
	status := b.awaitState("a", command.SourcePaused)
	b.await("the connection is gone", func() bool { open, _ := server.Connections(); return open == 0 })
	if len(status.Owners) != 0 || status.Transport.OK || status.Records != 1 {
		t.Errorf("%+v", status)
	}
	b.Restart("a")
	if b.assign(); b.awaitState("a", command.SourcePaused).Restarts != 0 {
		t.Error("a restart woke a paused source")
	}
	b.pause("a", false)
	b.awaitRecords("a", 2)
	b.awaitStates("a", "connecting running paused connecting running")
	var series bytes.Buffer
	series.WriteString("# HELP anode_source_records_total Records of a source that the journal has.\n# TYPE anode_source_records_total counter\nanode_source_records_total{source=\"a\"} 2\n")
	if err := testutil.GatherAndCompare(b.metrics, &series, "anode_source_records_total"); err != nil {
		t.Error(err)
	}
	b.remove("a")
	b.await("it is not known", func() bool { _, known := b.Status("a"); return !known })
	if n, err := testutil.GatherAndCount(b.metrics, "anode_source_records_total", "anode_source_state"); err != nil || n != 0 {
		t.Errorf("%d series are left, %v", n, err)
	}
	if b.Restart("a") {
		t.Error("a removed source can be restarted")
	}
	for range 5 { // again, while the one before ends
		put()
		b.remove("a")
	}
	put()
	if status := b.awaitState("a", command.SourceRunning); status.Restarts != 0 {
		t.Errorf("%+v", status)
	}
}

func TestARestartSkipsTheBackoff(t *testing.T) {
	b := newBench(t, nil)
	api := feeds.NewREST(map[string][]http.Handler{"/x": {feeds.TooMany(time.Hour), feeds.JSON("1")}})
	b.put("name: p\nkind: rest\nurl: %s", b.serve(api).URL("/x"))
	b.awaitState("p", command.SourceBackoff)
	if !b.Restart("p") {
		t.Error("can't be restarted")
	}
	b.awaitRecords("p", 1)
}

// panics is a connector that fails in a way that none should.
type panics struct{}

func (panics) Run(_ context.Context, line *source.Line) error {
	line.Opened()
	panic("a fault of the connector")
}
func (panics) Close() {}

func TestAFaultOfOneSourceDisturbsNoOther(t *testing.T) {
	b := newBench(t, func(cfg *source.Config) {
		cfg.Kinds["rest"] = func(source.Setup) (source.Connector, error) { return panics{}, nil }
	})
	socket := feeds.NewSocket(feeds.Play(func(c *feeds.Conn) error {
		for c.Text([]byte("1")) == nil && c.Pause(2*time.Millisecond) == nil {
		}
		return nil
	}))
	b.put("name: good\nkind: websocket\nurl: %s", b.serve(socket).SocketURL("/"))
	b.put("name: bad\nkind: rest\nurl: http://127.0.0.1:1/")
	b.awaitError("bad", "the source failed in this node and is started again")
	b.awaitRecords("good", len(b.intake.on("good"))+50)
	if n := socket.Handshakes(); n != 1 {
		t.Errorf("%d connections", n)
	}
}

func TestTheWindowIsRebuiltFromTheJournal(t *testing.T) {
	one := []byte(`{"n":1,"k":"k","s":"A"}`)
	for by, c := range map[string]struct {
		fields string
		stored messages.Draft
	}{
		"native_id": {"native_id: .n", messages.Draft{NativeID: "1", Payload: []byte("0")}},
		"payload":   {"dedupe: {by: payload}", messages.Draft{Payload: one}},
		"change":    {"key: .k\ndedupe: {by: change}", messages.Draft{Key: "k", Payload: one}},
	} {
		t.Run(by, func(t *testing.T) {
			b := newBench(t, nil)
			for _, source := range []string{"p", "other"} {
				c.stored.Stream, c.stored.Source = "m.A", source
				store(t, b.journal, c.stored)
			}
			server := b.serve(feeds.Body(200, nil, append(one, "\n{\"n\":2,\"k\":\"k\",\"s\":\"A\"}"...)))
			b.put("name: p\nkind: rest\nurl: %s\nparse: ndjson\nstream: 'm.{s}'\nrest: {every: 1h}\n%s", server.URL("/"), c.fields)
			if got := b.awaitRecords("m.A", 1); !strings.Contains(got[0], `"n":2`) || len(got) != 1 {
				t.Errorf("records %v", got)
			}
			if s, _ := b.Status("p"); s.Dropped.Duplicate != 1 {
				t.Errorf("%+v", s)
			}
		})
	}
}

// store seals drafts into a journal.
func store(t *testing.T, j storage.Journal, drafts ...messages.Draft) {
	t.Helper()
	sealAs(t, j, storage.Own, self, 1, drafts)
}

// sealAt seals drafts into a journal as at a time.
func sealAt(t *testing.T, j storage.Journal, at time.Time, drafts ...messages.Draft) {
	t.Helper()
	sealThen(t, j, storage.Own, self, 1, at, drafts)
}

// sealAs seals drafts as an origin does.
func sealAs(t *testing.T, j storage.Journal, family storage.Family, origin messages.NodeID, epoch uint64, drafts []messages.Draft) {
	t.Helper()
	sealThen(t, j, family, origin, epoch, time.Now(), drafts)
}

func sealThen(t *testing.T, j storage.Journal, family storage.Family, origin messages.NodeID, epoch uint64, at time.Time, drafts []messages.Draft) {
	t.Helper()
	head := j.Head(origin)
	if head.Epoch != epoch {
		head = messages.Position{}
	}
	sealed, _, _, err := wire.NewSealer(wire.None).Seal(wire.Place{
		BatchID: messages.BatchID{Origin: origin, Epoch: epoch, Sequence: head.Sequence + 1},
		First:   messages.HLC(0).Next(at), Previous: j.HeadHash(origin, epoch),
	}, drafts)
	if err != nil {
		t.Error(err)
		return
	}
	if _, err := j.Append(family, []wire.Sealed{sealed}); err != nil {
		t.Error(err)
	}
}

func TestSecretsGoWhereTheyMayAndAreShownNowhere(t *testing.T) {
	const secret = "s3cret/+&value"
	dir := t.TempDir()
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("feed-key", secret+"\n")
	b := newBench(t, func(cfg *source.Config) {
		cfg.Secrets = source.Secrets{Dir: dir, Getenv: func(name string) string {
			return map[string]string{"ANODE_SECRET_OTHER_KEY": "from-env"}[name]
		}}
	})
	echo := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Get("ok") == "" {
			http.Error(w, "bad key "+r.Header.Get("X-Key")+" in "+r.RequestURI, http.StatusUnauthorized)
			return
		}
		fmt.Fprintf(w, "{not json %s %s", r.Header.Get("X-Key"), r.URL.Query().Get("k"))
	})
	server := b.serve(echo)
	b.put("name: p\nkind: rest\nurl: '%s/x?k=${secret:feed-key}'\nheaders: {X-Key: 'a ${secret:feed-key}', X-Other: '${secret:other.key}'}\nbackoff: {min: 10ms, max: 20ms}", server.URL(""))
	status := b.awaitError("p", "401")
	if !strings.Contains(status.LastError, "bad key a *** in /x?k=***") {
		t.Errorf("last error %q", status.LastError)
	}
	b.put("name: q\nkind: rest\nparse: json\nurl: '%s/x?ok=1&k=${secret:feed-key}'\nheaders: {X-Key: '${secret:feed-key}'}\nrest: {every: 10ms, query: {again: '${secret:feed-key}'}}", server.URL(""))
	reports := b.awaitRecords("$errors.q", 1)
	if !strings.Contains(reports[0], "{not json *** ***") {
		t.Errorf("report %s", reports[0])
	}
	write("feed-key.hosts", "# where it may go\n*.example.com 10.0.0.1\n")
	b.awaitError("p", "secret feed-key may not go to 127.0.0.1:")
	write("feed-key.hosts", "127.0.0.1")
	b.awaitError("p", "401")
	if err := os.Remove(filepath.Join(dir, "feed-key")); err != nil {
		t.Fatal(err)
	}
	b.awaitError("p", "secret feed-key is not on this node: put it into the file feed-key of --secrets, or into the variable ANODE_SECRET_FEED_KEY")
	b.remove("q")
	for _, part := range []string{secret, "s3cret", dir} {
		for where, text := range map[string]string{"records": b.intake.everything(), "the log": b.log.String()} {
			if strings.Contains(text, part) {
				t.Errorf("%s show %q", where, part)
			}
		}
	}
}

// waits is a connector that waits for ever.
type waits struct{}

func (waits) Run(ctx context.Context, line *source.Line) error {
	line.Opened()
	<-ctx.Done()
	return context.Cause(ctx)
}
func (waits) Close() {}

// A state may have what was a secret when it was stored; after a start nothing of it was used yet.
func TestAStateThatIsReadShowsNoSecret(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "key"), []byte("s3cret"), 0o600); err != nil {
		t.Fatal(err)
	}
	b := newBench(t, func(cfg *source.Config) {
		cfg.Secrets = source.Secrets{Dir: dir}
		cfg.Kinds["rest"] = func(source.Setup) (source.Connector, error) { return waits{}, nil }
	})
	store(t, b.journal, messages.Draft{Stream: "$state.p", Source: "p", Payload: []byte(`{"v":1,"turn":1,"cursor":"/next?key=s3cret"}`)})
	b.put("name: p\nkind: rest\nurl: 'http://127.0.0.1:1/?key=${secret:key}'")
	status := b.awaitState("p", command.SourceRunning)
	if r := status.Resume; r == nil || r.Cursor != "/next?key=***" {
		t.Errorf("resume %+v", r)
	}
}

func TestTheURLOfAMessageHasNoSecret(t *testing.T) {
	b := newBench(t, func(cfg *source.Config) {
		cfg.Secrets = source.Secrets{Getenv: func(string) string { return "s3cret" }}
	})
	asked := make(chan *http.Request, 1)
	server := b.serve(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked <- r
		fmt.Fprint(w, "1")
	}))
	b.put("name: p\nkind: rest\nurl: 'http://${secret:u}:${secret:p}@%s/x?a=${1 + 1}&k=${secret:k}'\nrest: {every: 1h, query: {q: 'x ${secret:k}'}}\n"+
		"transform: {map: '$meta.url'}", strings.TrimPrefix(server.URL(""), "http://"))
	r := <-asked
	if user, password, ok := r.BasicAuth(); !ok || user != "s3cret" || password != "s3cret" || r.RequestURI != "/x?a=2&k=s3cret&q=x+s3cret" {
		t.Errorf("%s %s %s", user, password, r.RequestURI)
	}
	if got, want := b.awaitRecords("p", 1)[0], fmt.Sprintf("%q", server.URL("/x?a=2&k=***&q=x+***")); got != want {
		t.Errorf("$meta.url is %s, want %s", got, want)
	}
}

// fullJournal says that it is full until it is told otherwise.
type fullJournal struct {
	storage.Journal
	full atomic.Bool
}

func (f *fullJournal) Stats() storage.JournalStats {
	stats := f.Journal.Stats()
	if f.full.Load() {
		stats.Full = "the disk is full"
	}
	return stats
}

func TestNoFeedIsAskedWhileTheJournalIsFull(t *testing.T) {
	journal := &fullJournal{}
	b := newBench(t, func(cfg *source.Config) {
		journal.Journal = cfg.Journal
		cfg.Journal = journal
	})
	journal.full.Store(true)
	b.intake.set(false, command.ErrStorageFull)
	api := poll(b, "rest: {every: 10ms}", feeds.JSON("1"))
	status := b.awaitError("p", "storage is full: the disk is full")
	b.await("ten tries", func() bool { s, _ := b.Status("p"); return s.Restarts > 10 })
	if n := len(api.Requests()); n != 1 {
		t.Errorf("%d requests, the first shows that the journal is full: %+v", n, status)
	}
	journal.full.Store(false)
	b.intake.set(false, nil)
	b.awaitRecords("p", 1)
}

func TestCheckNamesAllFaults(t *testing.T) {
	b := newBench(t, func(cfg *source.Config) { cfg.Language = refusing{cfg.Language} })
	b.list["w"] = source.Assignment{Spec: parse(t, "name: w\nkind: websocket\nurl: 'ws://x/${bad}'\nheaders: {X-A: '${bad}'}\ntransform: {map: bad}\nkey: bad\n"+
		"on: [{when: .a, send: '${bad}'}]\nwebsocket: {open: ['${bad}'], ping: {every: 1s, send: '${bad}'}}")}
	b.list["r"] = source.Assignment{Spec: parse(t, "name: r\nkind: rest\nurl: 'http://x/'\nrest: {query: {a: '${bad}'}, body: {b: '${bad}'}}")}
	for name, want := range map[string]string{
		"w": "/on/0/send /transform/map /key /url /headers/X-A /websocket/open/0 /websocket/ping/send", "r": "/rest/query/a /rest/body",
	} {
		var paths []string
		for _, f := range b.Check(b.list[name].Spec) {
			paths = append(paths, f.Path)
		}
		if got := strings.Join(paths, " "); got != want {
			t.Errorf("faults of %s: %s, want %s", name, got, want)
		}
	}
	b.assign()
	status := b.awaitState("w", command.SourceFailed)
	if !strings.Contains(status.LastError, "/transform/map") {
		t.Errorf("%+v", status)
	}
	b.put("name: w\nkind: websocket\nurl: %s", b.serve(feeds.NewSocket()).SocketURL("/"))
	b.awaitState("w", command.SourceRunning)
}

func TestFaultsOfJQNameTheirPlace(t *testing.T) {
	b := newBench(t, nil)
	faults := b.Check(parse(t, "name: w\nkind: websocket\nurl: 'ws://x/${.a |}'\ntransform: {map: '.a |'}\n"+
		"on: [{when: .a, send: {b: ['x', '${.c |}']}}]\nwebsocket: {open: [{'c/d': '${nofun}'}]}"))
	var got []string
	for _, f := range faults {
		got = append(got, f.Path)
		if strings.HasPrefix(f.Message, "/") || f.Message == "" {
			t.Errorf("%s: %s", f.Path, f.Message)
		}
	}
	if fmt.Sprint(got) != "[/on/0/send/b/1 /transform/map /url /websocket/open/0/c~1d]" {
		t.Errorf("faults %v", faults)
	}
}

// refusing refuses what has "bad" in it.
type refusing struct{ transform.Language }

var errBad = errors.New("is bad")

func (l refusing) Compile(text string) (transform.Program, error) {
	if strings.Contains(text, "bad") {
		return nil, errBad
	}
	return l.Language.Compile(text)
}

func (l refusing) Template(v any) (transform.Template, error) {
	if strings.Contains(fmt.Sprint(v), "bad") {
		return nil, errBad
	}
	return l.Language.Template(v)
}

func TestAnAddressThatIsNotAllowedIsNamed(t *testing.T) {
	b := newBench(t, nil)
	b.put("name: p\nkind: rest\nurl: http://10.1.2.3/")
	b.put("name: w\nkind: websocket\nurl: ws://192.168.1.1/")
	b.awaitError("p", "an operator can allow it with --allow-private 10.1.2.3/32")
	b.awaitError("w", "192.168.1.1 is private")
}

func TestAllSourcesEndAtOnce(t *testing.T) {
	b := newBench(t, nil)
	// A feed that says nothing to goodbye.
	server := b.serve(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		upgrader := gorilla.Upgrader{}
		conn, err := upgrader.Upgrade(w, r, nil)
		if err != nil {
			return
		}
		defer conn.Close()
		<-r.Context().Done()
	}))
	const sources = 30
	for i := range sources {
		b.put("name: s%d\nkind: websocket\nurl: %s", i, server.SocketURL("/"))
	}
	b.await("all run", func() bool { open, _ := server.Connections(); return open == sources })
	begun := time.Now()
	if err := b.Drain(t.Context()); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(begun); took > 4*time.Second {
		t.Errorf("ending %d sources took %s", sources, took)
	}
	b.assign()
	if view, err := command.Ask(t.Context(), b.ref, command.Component{}); err != nil || view.Figures["sources"] != 0 {
		t.Errorf("sources came back: %+v %v", view, err)
	}
	server.Cut()
}

func TestTheComponentCountsSources(t *testing.T) {
	b := newBench(t, nil)
	view := func() command.ComponentView {
		v, err := command.Ask(t.Context(), b.ref, command.Component{})
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	if v := view(); v.State != command.StateOK || v.Detail != "0 sources" {
		t.Errorf("%+v", v)
	}
	b.put("name: good\nkind: rest\nurl: %s", b.serve(feeds.JSON("1")).URL("/"))
	b.put("name: bad\nkind: rest\nurl: http://10.0.0.1/\nbackoff: {min: 1h, max: 1h}")
	b.awaitRecords("good", 1)
	b.awaitState("bad", command.SourceBackoff)
	b.awaitState("good", command.SourceRunning)
	if v := view(); v.State != command.StateDegraded || v.Detail != "2 sources: 1 backoff, 1 running" || v.Figures["records"] != 1 || v.Figures["backoff"] != 1 {
		t.Errorf("%+v", v)
	}
}
