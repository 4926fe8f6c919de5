package api_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"anode/messages/command"
	"anode/storage/memory"
	"anode/testkit/documents"
	"anode/testkit/onenode"
)

// ndjson reads lines.
func ndjson[L any](t *testing.T, text []byte) (lines []L) {
	t.Helper()
	for line := range bytes.Lines(text) {
		var l L
		if err := json.Unmarshal(line, &l); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		lines = append(lines, l)
	}
	return lines
}

// A node with an archive says how it is, writes again and checks, as the document says.
func TestTheArchiveOverHTTP(t *testing.T) {
	archive := memory.NewArchive(memory.ArchiveConfig{TTL: 48 * time.Hour})
	n := onenode.Start(t, onenode.Options{Archive: archive})
	c := &talk{t, n, documents.New(t)}
	c.is(201, "POST", "/api/v1/streams/a.b/records", "application/x-ndjson", "1\n2\n3\n")
	c.is(201, "POST", "/api/v1/streams/a.c/records", jsonType, "4")
	var view command.ArchiveView
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(20 * time.Millisecond) { // until all is confirmed
		if err := json.Unmarshal(c.is(200, "GET", "/api/v1/archive", "", ""), &view); err != nil {
			t.Fatal(err)
		}
		if len(view.Origins) == 1 && view.Origins[0].Confirmed > 0 && view.Lag.Batches == 0 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("nothing is archived: %+v", view)
		}
	}
	if view.State != command.StateOK || view.Place != "memory" || view.Streams != ">" || view.TTL != 48*3600 || view.Rows != 4 || view.Origins[0].Archiver != onenode.Self {
		t.Errorf("%+v", view)
	}
	c.is(200, "HEAD", "/api/v1/archive/check", "", "")
	again := ndjson[command.BackfillLine](t, c.is(200, "POST", "/api/v1/archive/backfill", "", ""))
	if last := again[len(again)-1]; !last.Finished || last.Done != last.Total || last.Records != 4 {
		t.Errorf("%+v", again)
	}
	none := ndjson[command.BackfillLine](t, c.is(200, "POST", "/api/v1/archive/backfill?to=2001-01-01T00:00:00Z", "", ""))
	if len(none) != 1 || !none[0].Finished || none[0].Total != 0 {
		t.Errorf("%+v", none)
	}
	to := time.Now().Add(2 * time.Hour).UTC().Format(time.RFC3339)
	check := func(query string) (text string) {
		for _, l := range ndjson[command.CheckLine](t, c.is(200, "GET", "/api/v1/archive/check"+query, "", "")) {
			switch {
			case l.CheckedHour != nil:
				text += fmt.Sprintln(l.Stream, l.Journal.Records, l.Archive.Records, l.Equal)
			case l.Summary != nil:
				text += fmt.Sprintln(l.Summary.Compared, l.Summary.Unequal, l.Summary.Records)
			}
		}
		return text
	}
	// What was published at the turn of an hour is in two of them.
	if got := check("?to=" + to + "&streams=a."); got != "a.b 3 3 true\na.c 1 1 true\n2 0 4\n" && !strings.HasSuffix(got, " 0 4\n") {
		t.Errorf("%s", got)
	}
	if got := check("?to=" + to + "&streams=nothing.>"); got != "0 0 0\n" {
		t.Errorf("%s", got)
	}
	for _, wrong := range []string{"GET /api/v1/archive/check?streams=a..b", "POST /api/v1/archive/backfill?from=noon", "GET /api/v1/archive/check?from=2026-01-02T00:00:00Z&to=2026-01-01T00:00:00Z"} {
		method, path, _ := strings.Cut(wrong, " ")
		c.is(422, method, path, "", "")
	}
}

// A node without an archive says so.
func TestWithoutAnArchive(t *testing.T) {
	n := onenode.Start(t, onenode.Options{})
	c := &talk{t, n, documents.New(t)}
	if got := string(c.is(200, "GET", "/api/v1/archive", "", "")); !strings.Contains(got, `"state":"off"`) {
		t.Errorf("%s", got)
	}
	c.is(404, "POST", "/api/v1/archive/backfill", "", "")
	c.is(404, "GET", "/api/v1/archive/check", "", "")
}
