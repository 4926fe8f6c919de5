package client_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"anode/client"
)

// lineServer stores what is published but records whose data is "bad".
func lineServer(t testing.TB, batches *[]int) string {
	server, _ := serve(t, func(w http.ResponseWriter, r *http.Request) {
		var in struct {
			Records []struct {
				Data json.RawMessage `json:"data"`
			} `json:"records"`
		}
		if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
			t.Error(err)
		}
		*batches = append(*batches, len(in.Records))
		answers := make([]string, len(in.Records))
		for i, record := range in.Records {
			answers[i] = `{"id":"a-1-1-0"}`
			if string(record.Data) == `"bad"` {
				answers[i] = `{"error":{"code":"invalid_record","message":"is bad"}}`
			}
		}
		fmt.Fprintf(w, `{"records":[%s]}`, strings.Join(answers, ","))
	})
	return server
}

func TestLinesTellWhatBecameOfEach(t *testing.T) {
	var batches []int
	server := lineServer(t, &batches)
	var told []string
	tally, err := newClient(t, server).PublishLines(within(t), client.Lines{
		Stream: "s", From: strings.NewReader("1\n\n\"bad\"\r\n{no\n" + strings.Repeat(" ", 5<<20) + "\n5"),
		Each: func(line int, p client.Published) error {
			word := "stored"
			if p.Error != nil {
				word = p.Error.Code
			}
			told = append(told, fmt.Sprintf("%d %s", line, word))
			return nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(told, ", "); got != "1 stored, 3 invalid_record, 4 invalid_record, 5 too_large, 6 stored" {
		t.Errorf("told %s", got)
	}
	if tally.Stored != 2 || tally.Refused != 3 || tally.Duplicate != 0 {
		t.Errorf("tally %+v", tally)
	}
}

func TestLinesAreSentInBoundedRequests(t *testing.T) {
	var batches []int
	server := lineServer(t, &batches)
	tally, err := newClient(t, server).PublishLines(within(t), client.Lines{Stream: "s", From: strings.NewReader(strings.Repeat("1\n", 2500) + strings.Repeat(`"`+strings.Repeat("x", 900_000)+"\"\n", 5))})
	if err != nil || tally.Stored != 2505 {
		t.Fatalf("%+v, %v", tally, err)
	}
	for i, n := range batches {
		if n > 1000 || i >= 3 && n > 3 {
			t.Errorf("request %d has %d records", i, n)
		}
	}
}

func TestLinesDoNotWaitForMore(t *testing.T) {
	var batches []int
	server := lineServer(t, &batches)
	r, w := io.Pipe()
	stored := make(chan int)
	done := make(chan error)
	c := newClient(t, server)
	ctx := within(t)
	go func() {
		_, err := c.PublishLines(ctx, client.Lines{Stream: "s", From: r, Each: func(line int, _ client.Published) error { stored <- line; return nil }})
		done <- err
	}()
	for want := 1; want <= 3; want++ {
		if _, err := io.WriteString(w, "1\n"); err != nil {
			t.Fatal(err)
		}
		if got := <-stored; got != want {
			t.Errorf("line %d was stored, want %d", got, want)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}
