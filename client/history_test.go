package client_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"anode/client"
)

// historyServer has so many records, and gives pages of at most 3.
func historyServer(t testing.TB, records int, queries *[]url.Values) string {
	server, _ := serve(t, func(w http.ResponseWriter, r *http.Request) {
		q := r.URL.Query()
		*queries = append(*queries, q)
		from, limit := 0, 0
		if page := q.Get("page"); page != "" {
			fmt.Sscan(page, &from)
		}
		fmt.Sscan(q.Get("limit"), &limit)
		to := min(from+min(limit, 3), records)
		items := []string{}
		for i := from; i < to; i++ {
			items = append(items, recordJSON(fmt.Sprintf("a-1-%d-0", i+1)))
		}
		next := ""
		if to < records {
			next = fmt.Sprintf(`,"next":"%d"`, to)
		}
		fmt.Fprintf(w, `{"items":[%s]%s,"cursor":["a-1-%d-0"]}`, strings.Join(items, ","), next, to)
	})
	return server
}

func TestHistoryWalksPages(t *testing.T) {
	for _, of := range []struct{ limit, want, pages int }{{0, 8, 3}, {5, 5, 2}, {3, 3, 1}, {100, 8, 3}} {
		t.Run(fmt.Sprint(of.limit), func(t *testing.T) {
			var queries []url.Values
			walk := newClient(t, historyServer(t, 8, &queries)).History(client.History{
				Stream: "a.b", Limit: of.limit, From: time.Unix(1, 5), Descending: true, Unique: true,
			})
			if _, ok := walk.Cursor(); ok {
				t.Error("has a cursor before anything was asked")
			}
			n := 0
			for record, err := range walk.All(within(t)) {
				if err != nil {
					t.Fatal(err)
				}
				if n++; record.ID != fmt.Sprintf("a-1-%d-0", n) {
					t.Errorf("record %d is %s", n, record.ID)
				}
			}
			cursor, ok := walk.Cursor()
			if n != of.want || len(queries) != of.pages || !ok || cursor.String() != fmt.Sprintf("a-1-%d-0", of.want) {
				t.Errorf("%d records of %d pages, cursor %s, want %d of %d", n, len(queries), cursor, of.want, of.pages)
			}
			if q := queries[0]; q.Get("from") != "1970-01-01T00:00:01.000000005Z" || q.Get("order") != "desc" || q.Get("unique") != "true" {
				t.Errorf("asked %v", q)
			}
		})
	}
}

func TestHistoryPagesAreAsLargeAsRecordsAreSmall(t *testing.T) {
	for name, of := range map[string]struct {
		record int
		limits string
	}{
		"small": {300, "[100 1000 6990]"}, "large": {50_000, "[100 41 41]"},
	} {
		t.Run(name, func(t *testing.T) {
			var limits []int
			server, _ := serve(t, func(w http.ResponseWriter, r *http.Request) {
				var limit int
				fmt.Sscan(r.URL.Query().Get("limit"), &limit)
				limits = append(limits, limit)
				record := fmt.Sprintf(`{"id":"a-1-1-0","data":"%s"}`, strings.Repeat("x", of.record-26))
				next := ""
				if len(limits) < 3 {
					next = `,"next":"x"`
				}
				fmt.Fprintf(w, `{"items":[%s]%s,"cursor":[]}`, strings.Repeat(record+",", min(limit, 100)-1)+record, next)
			})
			for _, err := range newClient(t, server).History(client.History{Stream: "s"}).All(within(t)) {
				if err != nil {
					t.Fatal(err)
				}
			}
			if got := fmt.Sprint(limits); got != of.limits {
				t.Errorf("asked for pages of %s, want %s", got, of.limits)
			}
		})
	}
}

func TestHistoryAsksForLessWhereAPageIsTooLong(t *testing.T) {
	record := fmt.Sprintf(`{"id":"a-1-1-0","data":"%s"}`, strings.Repeat("x", 1<<20))
	var limits []string
	server, _ := serve(t, func(w http.ResponseWriter, r *http.Request) {
		limits = append(limits, r.URL.Query().Get("limit"))
		n := 3
		if len(limits) == 1 {
			n = 70 // more than the client takes
		}
		fmt.Fprintf(w, `{"items":[%s],"cursor":[]}`, strings.Repeat(record+",", n-1)+record)
	})
	n := 0
	for _, err := range newClient(t, server).History(client.History{Stream: "s"}).All(within(t)) {
		if err != nil {
			t.Fatal(err)
		}
		n++
	}
	if got := fmt.Sprint(limits); n != 3 || got != "[100 6]" {
		t.Errorf("%d records of pages of %s, want 3 of [100 6]", n, got)
	}
}
