package archived_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"anode/testkit/chaos"
)

// The ways to read what was published, other than by WebSocket (follow).

// maxLine is the longest line that a node sends.
const maxLine = 8 << 20

// command is anode subscribe, until it has printed so many records.
func command(t testing.TB, n *chaos.Node, start string, count int, pattern string) *seen {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, "subscribe", pattern, "--start", start, "--count", strconv.Itoa(count), "-o", "json", "--server", n.URL)
	var said bytes.Buffer
	cmd.Stderr = &said
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	s := newSeen()
	err = s.lines(out)
	if err := errors.Join(err, cmd.Wait()); err != nil {
		t.Errorf("anode subscribe: %v %.500s", err, said.String())
	}
	if said.Len() > 0 { // it tells of gaps there
		t.Errorf("anode subscribe says %.500s", said.String())
	}
	return s
}

// lines reads records, one a line.
func (s *seen) lines(from io.Reader) error {
	lines := bufio.NewScanner(from)
	lines.Buffer(nil, maxLine)
	for lines.Scan() {
		var r record
		if err := json.Unmarshal(lines.Bytes(), &r); err != nil {
			return fmt.Errorf("%w: %.200s", err, lines.Text())
		}
		s.take(&message{Op: "records", Records: []record{r}})
	}
	return lines.Err()
}

// events are server-sent events of a pattern, until the test ends.
func events(t testing.TB, n *chaos.Node, start, pattern string) *seen {
	t.Helper()
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, n.URL+"/api/v1/streams/"+pattern+"/events?start="+url.QueryEscape(start), nil)
	if err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Transport: &http.Transport{}}
	res, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	if res.StatusCode != http.StatusOK {
		t.Fatalf("events: %s", res.Status)
	}
	s := newSeen()
	var work sync.WaitGroup
	t.Cleanup(func() {
		cancel()
		work.Wait()
		_ = res.Body.Close()
		client.CloseIdleConnections()
	})
	work.Go(func() {
		if err := s.events(res.Body); err != nil && ctx.Err() == nil {
			s.take(&message{Op: "error", Message: err.Error()})
		}
	})
	return s
}

// events reads them.
func (s *seen) events(from io.Reader) error {
	lines := bufio.NewScanner(from)
	lines.Buffer(nil, maxLine)
	kind := ""
	for lines.Scan() {
		field, value, _ := strings.Cut(lines.Text(), ": ")
		switch field {
		case "":
			kind = ""
			if value != "" || strings.HasPrefix(lines.Text(), ":") {
				s.take(&message{Op: "cursor"}) // a comment: it lives
			}
		case "event":
			kind = value
		case "id":
			s.take(&message{Op: "cursor", After: strings.Split(value, ",")})
		case "data":
			m := message{Op: "records", Records: make([]record, 1)}
			var into any = &m.Records[0]
			if kind == "gap" {
				m, into = message{}, &m
			}
			if err := json.Unmarshal([]byte(value), into); err != nil {
				return fmt.Errorf("%w: %.200s", err, value)
			}
			if kind == "gap" {
				m.Op = "gap"
			}
			s.take(&m)
		}
	}
	return lines.Err()
}

// history reads the ledger's streams at a node, each whole: as lines, and every third one by pages.
func (l *ledger) history(t testing.TB, n *chaos.Node) (contents, error) {
	t.Helper()
	all := make(contents)
	var faults []error
	const third = 3
	for i := range l.streams {
		s := newSeen()
		var err error
		if i%third == 0 {
			err = s.pages(t, n, l.stream(i))
		} else {
			err = s.whole(t, n, l.stream(i))
		}
		faults = append(faults, err, s.wrong())
		for id, hash := range s.got {
			all[id] = hash
		}
	}
	return all, errors.Join(faults...)
}

func (s *seen) whole(t testing.TB, n *chaos.Node, stream string) error {
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, n.URL+"/api/v1/streams/"+stream+"/records", nil)
	if err != nil {
		return err
	}
	request.Header.Set("Accept", "application/x-ndjson")
	client := &http.Client{Transport: &http.Transport{}}
	defer client.CloseIdleConnections()
	res, err := client.Do(request)
	if err != nil {
		return err
	}
	defer func() { _ = res.Body.Close() }()
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("history of %s: %s", stream, res.Status)
	}
	return s.lines(res.Body)
}

func (s *seen) pages(t testing.TB, n *chaos.Node, stream string) error {
	path := "/api/v1/streams/" + stream + "/records?limit=1000"
	for path != "" {
		var page struct {
			Items []record
			Next  string
		}
		status, body, err := n.Do(t.Context(), http.MethodGet, path, "", nil)
		if err != nil || status != http.StatusOK {
			return fmt.Errorf("history of %s: %d %.300s %w", stream, status, body, err)
		}
		if err := json.Unmarshal(body, &page); err != nil {
			return err
		}
		s.take(&message{Op: "records", Records: page.Items})
		if path = ""; page.Next != "" {
			path = "/api/v1/streams/" + stream + "/records?page=" + url.QueryEscape(page.Next)
		}
	}
	return nil
}
