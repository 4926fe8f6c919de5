package session_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"anode/gateway/session"
	"anode/messages/command"
	"anode/testkit/onenode"
)

// What is published comes to who subscribed, and its publisher hears where it stands.
func TestPublishAndSubscribe(t *testing.T) {
	n := onenode.Start(t, onenode.Options{})
	c := dial(t, n, "")
	m := c.subscribe("1", `"streams":["lab.>"],"where":".key != \"no\""`)
	if m.Node != onenode.Self || len(m.Nodes) != 1 || m.Nodes[0] != n.URL {
		t.Errorf("%s", m.raw)
	}
	var order []string
	published, got := map[string]message{}, []record{}
	say := func(text string) {
		c.say(text)
		for before := len(published); len(published) == before; {
			switch m := c.hear(); m.Op {
			case "published":
				published[string(m.ID)] = m
				order = append(order, string(m.ID))
			case "records":
				got = append(got, m.Records...)
			case "cursor":
			default:
				t.Fatalf("%s", m.raw)
			}
		}
	}
	say(`{"op":"publish","id":{"a":[1.0,"<&>"]},"stream":"lab.a","key":"k","native_id":"7","time":"2026-11-22T10:00:00Z","data":{"c": 21.50}}`)
	say(`{"op":"publish","id":2,"stream":"lab.a","key":"k","native_id":"7","data":{"c":0}}`)
	say(`{"op":"publish","id":"3","stream":"lab.b","text":"hello\n"}`)
	say(`{"op":"publish","id":12345678901234567890,"stream":"lab.b","base64":"AP8=","content_type":"image/png"}`)
	say(`{"op":"publish","id":null,"stream":"lab.b","key":"no","data":1}`)
	say(`{"op":"publish","id":6,"stream":"lab.c","data":null}`)
	for len(got) < 4 {
		got = append(got, c.expect("records").Records...)
	}
	if want := []string{`{"a":[1.0,"<&>"]}`, `2`, `"3"`, `12345678901234567890`, `null`, `6`}; fmt.Sprint(order) != fmt.Sprint(want) {
		t.Errorf("answers to %v, want %v: ids come back as they were given", order, want)
	}
	if !published["2"].Duplicate || published["2"].Record != "" || published[`"3"`].Record == "" {
		t.Errorf("%+v", published)
	}
	r := got[0]
	if string(r.Data) != `{"c":21.50}` || r.Key != "k" || r.NativeID != "7" || r.ID != published[order[0]].Record {
		t.Errorf("%+v", r)
	}
	if got[1].Text != "hello\n" || got[1].ContentType != "text/plain" || got[2].Base64 != "AP8=" || string(got[3].Data) != "null" {
		t.Errorf("%+v", got)
	}
	c.say(`{"op":"unsubscribe","sub":"1"}`)
	c.expect("unsubscribed")
	c.say(`{"op":"publish","stream":"lab.a","data":1}`)
	if m := c.expect("published"); m.ID != nil {
		t.Errorf("%s", m.raw)
	}
	c.say(`{"op":"ping"}`)
	c.expect("pong")
}

// What can't be done is an error that names its request, and the connection lives.
func TestErrorsLive(t *testing.T) {
	n := onenode.Start(t, onenode.Options{})
	c := dial(t, n, "")
	c.subscribe("taken", `"streams":["lab.>"]`)
	long := strings.Repeat("x", 300)
	for _, x := range []struct{ text, sub, id, code string }{
		{`{"op":"subscribe","sub":"taken","streams":["a"],"id":5}`, "taken", "5", "exists"},
		{`{"op":"subscribe","sub":"1","streams":["a"],"extra":1}`, "1", "", "invalid"},
		{`{"op":"subscribe","sub":"1","Streams":["a"]}`, "1", "", "invalid"},
		{`{"op":"subscribe","sub":"1","streams":["a..b"]}`, "1", "", "invalid_stream"},
		{`{"op":"subscribe","sub":"1","streams":[]}`, "1", "", "invalid_stream"},
		{`{"op":"subscribe","sub":"1"}`, "1", "", "invalid_stream"},
		{`{"op":"subscribe","sub":"1","streams":"a"}`, "1", "", "invalid"},
		{`{"op":"subscribe","sub":"","streams":["a"]}`, "", "", "invalid"},
		{`{"op":"subscribe","streams":["a"]}`, "", "", "invalid"},
		{`{"op":"subscribe","sub":7,"streams":["a"]}`, "", "", "invalid"},
		{`{"op":"subscribe","sub":"` + long + `","streams":["a"]}`, long, "", "invalid"},
		{`{"op":"subscribe","sub":"1","streams":["a"],"where":".a >"}`, "1", "", "invalid_filter"},
		{`{"op":"subscribe","sub":"1","streams":["a"],"where":"input"}`, "1", "", "invalid_filter"},
		{`{"op":"subscribe","sub":"1","streams":["a"],"where":"` + strings.Repeat(" ", 2050) + `"}`, "1", "", "invalid_filter"},
		{`{"op":"subscribe","sub":"1","streams":["a"],"start":"now"}`, "1", "", "invalid"},
		{`{"op":"subscribe","sub":"1","streams":["a"],"start":{"after":["x"]}}`, "1", "", "invalid_cursor"},
		{`{"op":"subscribe","sub":"1","streams":["a"],"start":{"after":["@1","@2"]}}`, "1", "", "invalid_cursor"},
		{`{"op":"subscribe","sub":"1","streams":["a"],"start":{"last":0}}`, "1", "", "invalid"},
		{`{"op":"subscribe","sub":"1","streams":["a"],"start":{"last":10001}}`, "1", "", "invalid"},
		{`{"op":"subscribe","sub":"1","streams":["a"],"start":{"time":"noon"}}`, "1", "", "invalid"},
		{`{"op":"subscribe","sub":"1","streams":["a"],"start":{"last":1,"time":"2026-11-22T10:00:00Z"}}`, "1", "", "invalid"},
		{`{"op":"subscribe","sub":"1","streams":["a"],"policy":"fast"}`, "1", "", "invalid"},
		{`{"op":"subscribe","sub":"1","streams":["a"],"policy":{"conflate":"1ms"}}`, "1", "", "invalid"},
		{`{"op":"subscribe","sub":"1","streams":["a"],"unique":1}`, "1", "", "invalid"},
		{`{"op":"unsubscribe","sub":"none"}`, "none", "", "not_found"},
		{`{"op":"unsubscribe"}`, "", "", "not_found"},
		{`{"op":"unsubscribe","sub":"taken","streams":[]}`, "taken", "", "invalid"},
		{`{"op":"publish","id":"p","stream":"$status.x","data":1}`, "", `"p"`, "forbidden"},
		{`{"op":"publish","id":"p","stream":"a..b","data":1}`, "", `"p"`, "invalid_stream"},
		{`{"op":"publish","id":"p","data":1}`, "", `"p"`, "invalid_record"},
		{`{"op":"publish","id":"p","stream":"a"}`, "", `"p"`, "invalid_record"},
		{`{"op":"publish","id":"p","stream":"a","data":1,"text":"x"}`, "", `"p"`, "invalid_record"},
		{`{"op":"publish","id":"p","stream":"a","base64":"?"}`, "", `"p"`, "invalid_record"},
		{`{"op":"publish","id":"p","stream":"a","data":1,"time":"noon"}`, "", `"p"`, "invalid_record"},
		{`{"op":"publish","id":"p","stream":"a","data":1,"key":"` + long + `"}`, "", `"p"`, "invalid_record"},
		{`{"op":"publish","id":"p","stream":"a","data":1,"sub":"1"}`, "1", `"p"`, "invalid"},
		{`{"op":"publish","id":"p","stream":"a","data":` + strings.Repeat("[", 129) + strings.Repeat("]", 129) + `}`, "", `"p"`, "invalid_record"},
		{`{"op":"publish","id":"p","stream":"a","text":"` + strings.Repeat("x", 1<<20+1) + `"}`, "", `"p"`, "too_large"},
		{`{"op":"publish","id":"` + strings.Repeat("i", 1100) + `","stream":"a","data":1}`, "", "", "invalid"},
		{`{"op":"ping","id":1,"data":2}`, "", "1", "invalid"},
	} {
		c.say(x.text)
		if m := c.expect("error"); m.Sub != x.sub || string(m.ID) != x.id || m.Code != x.code || m.Message == "" {
			t.Errorf("%.200s:\n%.300s, want %s", x.text, m.raw, x.code)
		}
	}
	c.say(`{"op":"ping","id":"still here"}`)
	c.expect("pong")
}

// intake answers all that is published with an error; or refuses to take it.
type intake struct{ answer, refuse error }

func (i intake) Submit(_ context.Context, s command.Submission) error {
	if i.refuse == nil {
		s.Done(command.Outcome{Err: i.answer})
	}
	return i.refuse
}

// Who publishes must be able to tell whether the record may be stored all the same.
func TestPublishSaysWhetherTheRecordMayBeStored(t *testing.T) {
	n := onenode.Start(t, onenode.Options{})
	disk := errors.New("sync /data/journal: no such device")
	for _, x := range []struct {
		intake        intake
		code, message string
	}{
		{intake{answer: fmt.Errorf("%w: stored, but not yet durable: %w", command.ErrUnconfirmed, disk)}, "unconfirmed", "unavailable: not confirmed: stored, but not yet durable"},
		{intake{answer: fmt.Errorf("%w: %w", command.ErrUnavailable, disk)}, "unavailable", "unavailable"},
		{intake{answer: fmt.Errorf("%w: %w", command.ErrStorageFull, disk)}, "storage_full", "storage is full"},
		{intake{refuse: fmt.Errorf("%w: the journal's queue is full: %w", command.ErrUnavailable, context.DeadlineExceeded)}, "unavailable", "unavailable: the journal's queue is full: context deadline exceeded"},
	} {
		s, err := session.New(session.Config{Node: n.Node, Intake: x.intake, Logger: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		server := httptest.NewServer(http.HandlerFunc(s.ServeWebSocket))
		c := dial(t, &onenode.Node{URL: server.URL}, "")
		c.say(`{"op":"publish","id":7,"stream":"a","data":1}`)
		if m := c.expect("error"); string(m.ID) != "7" || m.Code != x.code || m.Message != x.message {
			t.Errorf("%s, want %s %q", m.raw, x.code, x.message)
		}
		c.Close()
		server.Close()
		s.Close()
	}
}

func TestSeveralInOneMessage(t *testing.T) {
	c := dial(t, onenode.Start(t, onenode.Options{}), "")
	c.say("{\"op\":\"ping\",\"id\":1}\n{\"op\":\"nothing\",\"x\":1}\n")
	if closed := c.ends(); closed.Code != 4400 {
		t.Errorf("%v", closed)
	}
	c = dial(t, onenode.Start(t, onenode.Options{}), "")
	c.say("{\"op\":\"ping\",\"id\":1}\n\n{\"op\":\"subscribe\",\"sub\":\"a\",\"streams\":[\"x\"]}\r\n{\"op\":\"ping\",\"id\":2,\"more\":1}\n{\"op\":\"ping\",\"id\":3}\n")
	seen := map[string]int{}
	for seen["pong"] < 2 || seen["live"] < 1 || seen["error"] < 1 {
		seen[c.hear().Op]++
	}
}

// A client that asks and asks gets all its answers, whenever it reads.
func TestManyQuestions(t *testing.T) {
	c := dial(t, onenode.Start(t, onenode.Options{}), "")
	const many = 50_000
	go func() {
		text := strings.Repeat(`{"op":"ping"}`+"\n", 1000)
		for range many / 1000 {
			_ = c.WriteMessage(websocket.TextMessage, []byte(text)) // the reader sees what is wrong
		}
	}()
	for range many {
		_ = c.SetReadDeadline(time.Now().Add(20 * time.Second))
		if _, text, err := c.ReadMessage(); err != nil || string(text) != `{"op":"pong"}` {
			t.Fatalf("%v %s", err, text)
		}
	}
}
