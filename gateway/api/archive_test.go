package api_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"anode/messages"
	"anode/storage/memory"
	"anode/testkit/documents"
	"anode/testkit/onenode"
)

// TestHistoryReachesIntoTheArchive: what the journal dropped is answered from the archive, and while that is away it is
// unavailable, and all else is not.
func TestHistoryReachesIntoTheArchive(t *testing.T) {
	archive := memory.NewArchive(memory.ArchiveConfig{Clock: func() time.Time { return time.Now().Add(-time.Minute) }})
	c := &talk{t, onenode.Start(t, onenode.Options{Archive: archive}), documents.New(t)}
	for i := range 10 {
		c.is(201, "POST", "/api/v1/streams/lab.a/records", "application/json", fmt.Sprint(i))
		<-time.After(2 * time.Millisecond) // each has its own: a question about the ms of the boundary asks the archive
	}
	c.archived(archive, 10)
	last, err := messages.ParsePosition(c.pageOf("/api/v1/streams/lab.a/records?order=desc&limit=2").Items[1].ID)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.node.Journal.Raise(onenode.Self, last.Epoch, last.Sequence); err != nil {
		t.Fatal(err)
	}
	first := c.pageOf("/api/v1/streams/lab.a/records?limit=4")
	if len(first.Items) != 4 || len(first.Cursor) != 1 || !strings.HasPrefix(first.Items[3].ID, strings.TrimSuffix(first.Cursor[0], "1024")) {
		t.Errorf("%+v", first)
	}
	if rest := c.pageOf("/api/v1/streams/lab.a/records?page=" + first.Next); len(rest.Items) != 4 {
		t.Errorf("%+v", rest)
	}
	if lines := c.is(200, "GET", "/api/v1/streams/lab.a/records?order=desc", "", "", "Accept: application/x-ndjson"); strings.Count(string(lines), "\n") != 10 {
		t.Errorf("%s", lines)
	}
	archive.Away(errors.New("a cable is cut at 10.0.0.7"))
	for _, query := range []string{"", "?order=desc", "?after=" + first.Items[2].ID, "?page=" + first.Next} {
		said := string(c.is(503, "GET", "/api/v1/streams/lab.a/records"+query, "", ""))
		if !strings.Contains(said, `"unavailable"`) || !strings.Contains(said, "is in the archive, which can't be reached since") || strings.Contains(said, "cable") {
			t.Errorf("%s: %s", query, said)
		}
	}
	c.is(503, "GET", "/api/v1/streams/lab.a/records", "", "", "Accept: application/x-ndjson")
	if newest := c.pageOf("/api/v1/streams/lab.a/records?order=desc&limit=1"); len(newest.Items) != 1 || newest.Next == "" {
		t.Errorf("%+v", newest)
	}
	archive.Away(nil)
	if all := c.pageOf("/api/v1/streams/lab.a/records"); len(all.Items) != 10 || all.Next != "" {
		t.Errorf("%+v", all)
	}
}

type pageOfRecords struct {
	Items  []struct{ ID string }
	Next   string
	Cursor []string
}

func (c *talk) pageOf(path string) pageOfRecords {
	c.t.Helper()
	var page pageOfRecords
	if err := json.Unmarshal(c.is(200, "GET", path, "", ""), &page); err != nil {
		c.t.Fatal(err)
	}
	return page
}

// archived waits until an archive has confirmed a number of batches.
func (c *talk) archived(archive *memory.Archive, batches uint64) {
	c.t.Helper()
	for deadline := time.Now().Add(time.Minute); ; {
		done, err := archive.Confirmed(c.t.Context(), onenode.Self)
		if err != nil {
			c.t.Fatal(err)
		}
		if len(done) == 1 && done[0].Runs.Len() >= batches {
			return
		}
		if time.Now().After(deadline) {
			c.t.Fatalf("the archive has %+v", done)
		}
		<-time.After(10 * time.Millisecond)
	}
}
