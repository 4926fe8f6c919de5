package source_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"anode/actors/source"
	"anode/messages/command"
	"anode/testkit/feeds"
)

// look opens the frames of a source.
func (b *bench) look(name string) command.FrameReader {
	b.t.Helper()
	var reader command.FrameReader
	b.await(name+" can be looked at", func() bool {
		var err error
		reader, err = b.Frames(name)
		return err == nil
	})
	return reader
}

// next is the next frame.
func (b *bench) next(reader command.FrameReader) command.Frame {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.t.Context(), 10*time.Second)
	defer cancel()
	f, err := reader.Next(ctx)
	if err != nil {
		b.t.Fatal(err)
	}
	return f
}

func TestFramesAreShownBothWaysWithoutSecrets(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "key"), []byte("s3cret"), 0o600); err != nil {
		t.Fatal(err)
	}
	b := newBench(t, func(cfg *source.Config) { cfg.Secrets = source.Secrets{Dir: dir} })
	socket := feeds.NewSocket(feeds.Play(feeds.Await(1), feeds.Send(`{"ping":1,"echo":"s3cret","signed":"czNjcmV0OjE="}`), feeds.Silence()))
	b.list["a"] = source.Assignment{Paused: true, Spec: parse(t, fmt.Sprintf(
		"name: a\nkind: websocket\nurl: %s/?k=${secret:key}\nwebsocket: {open: ['hello ${secret:key} ${${secret:key} + \":1\" | @base64}']}\non: [{when: .ping, send: {pong: '${.frame.ping}'}}]", b.serve(socket).SocketURL("")))}
	b.assign()
	reader := b.look("a")
	defer reader.Close()
	b.pause("a", false)
	for i, want := range []string{`out hello *** ***`, `in {"ping":1,"echo":"***","signed":"***"}`, `out {"pong":1}`} {
		f := b.next(reader)
		if got := f.Dir + " " + string(f.Data); got != want || !strings.HasSuffix(f.Meta.URL, "?k=***") || f.Meta.Connection != 1 || f.Received.IsZero() {
			t.Errorf("frame %d is %+v %s, want %s", i, f, f.Data, want)
		}
	}
	b.remove("a")
	for {
		if _, err := reader.Next(t.Context()); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
	}
	if _, err := b.Frames("a"); !errors.Is(err, command.ErrNotFound) {
		t.Errorf("a source that is gone gives frames: %v", err)
	}
}

func TestFramesOfPollsHaveRequestAndRefusal(t *testing.T) {
	b := newBench(t, nil)
	api := feeds.NewREST(map[string][]http.Handler{"/x": {
		feeds.Body(401, http.Header{"Set-Cookie": {"id=1"}, "Content-Type": {"text/plain"}}, []byte("who are you?")),
		feeds.Body(200, http.Header{"X-A": {"1"}}, []byte(`{"n":1}`)),
	}})
	b.list["p"] = source.Assignment{Paused: true, Spec: parse(t, "name: p\nkind: rest\nurl: "+b.serve(api).URL("/x")+"\nrest: {method: POST, body: {q: 1}, every: 1h}\nbackoff: {min: 10ms, max: 10ms}")}
	b.assign()
	reader := b.look("p")
	defer reader.Close()
	b.pause("p", false)
	for i, want := range []string{`out POST 0 {"q":1}`, `in  401 who are you?`, `out POST 0 {"q":1}`, `in  200 {"n":1}`} {
		f := b.next(reader)
		if got := fmt.Sprintf("%s %s %d %s", f.Dir, f.Meta.Method, f.Meta.Status, f.Data); got != want {
			t.Errorf("frame %d is %s, want %s", i, got, want)
		}
		if i == 1 && f.Meta.Headers["set-cookie"] != "***" || i == 3 && f.Meta.Headers["x-a"] != "1" || f.Meta.Connection != uint64(1+i/2) {
			t.Errorf("frame %d has meta %+v", i, f.Meta)
		}
	}
}

func TestASlowReaderIsToldWhatItMissedAndSlowsNobody(t *testing.T) {
	b := newBench(t, nil)
	const frames = 10_000
	socket := feeds.NewSocket(feeds.Play(func(c *feeds.Conn) error {
		for i := range frames {
			if err := c.Text(fmt.Append(nil, i)); err != nil {
				return err
			}
		}
		return nil
	}, feeds.Silence()))
	b.list["a"] = source.Assignment{Paused: true, Spec: parse(t, "name: a\nkind: websocket\nurl: "+b.serve(socket).SocketURL("/"))}
	b.assign()
	slow, gone := b.look("a"), b.look("a")
	gone.Close()
	defer slow.Close()
	b.pause("a", false)
	b.awaitRecords("a", frames)
	seen, skipped := uint64(0), uint64(0)
	for seen+skipped < frames {
		f := b.next(slow)
		if skipped += f.Skipped; f.Skipped == 0 {
			if string(f.Data) != fmt.Sprint(seen+skipped) {
				t.Fatalf("frame %d came where %d is due", f.Data, seen+skipped)
			}
			seen++
		}
	}
	if seen+skipped != frames || skipped == 0 || seen > 5000 {
		t.Errorf("%d seen, %d skipped", seen, skipped)
	}
	var all []command.FrameReader
	for {
		reader, err := b.Frames("a")
		if errors.Is(err, command.ErrTooMany) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		if all = append(all, reader); len(all) > 100 {
			t.Fatal("there is no bound to readers")
		}
	}
	for _, reader := range all {
		reader.Close()
	}
}
