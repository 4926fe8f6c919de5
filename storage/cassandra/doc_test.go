package cassandra_test

import (
	"fmt"
	"os"
	"regexp"
	"testing"
	"time"

	"anode/messages"
	"anode/storage"
	"anode/storage/cassandra"
	"anode/testkit/storagetest"
)

// Every question of docs/archive.md has an answer, with the records that it is about.
func TestQuestionsOfTheDocument(t *testing.T) {
	text, err := os.ReadFile("../../docs/archive.md")
	must(t, err)
	questions := regexp.MustCompile("(?s)```cql\n(.*?);\n```").FindAllStringSubmatch(string(text), -1)
	if len(questions) < 10 {
		t.Fatalf("%d questions", len(questions))
	}
	c, keyspace := empty(t)
	a, s := open(t, cassandra.Config{Hosts: c.Addrs(), Keyspace: keyspace}), session(t, c, keyspace)
	at := time.Date(2026, 1, 15, 10, 0, 0, 0, time.UTC).UnixMilli()
	const origin, epoch = "qz4m2v7k", 1_768_471_200_000
	o := storagetest.NewOrigin(origin, epoch, at)
	var batches []*messages.Batch
	for i := range 100 {
		o.At(at + int64(i)*1000)
		draft := storagetest.Draft("market.btc.trades", fmt.Sprintf(`{"price":%d}`, i))
		draft.Key, draft.Time = "BTC-USD", time.UnixMilli(at)
		batches = append(batches, opened(t, o.Next(t, draft))...)
	}
	_, err = a.Write(t.Context(), batches)
	must(t, err)
	must(t, a.Confirm(t.Context(), "archiver", []storage.Archived{{Origin: origin, Epoch: epoch, Streams: messages.Everything, Runs: messages.Ranges{{From: 1, To: 100}}}}))
	for _, q := range questions {
		rows, err := s.Query(q[1]).Iter().SliceMap()
		if err != nil || len(rows) == 0 {
			t.Errorf("%s\nhas %d rows, %v", q[1], len(rows), err)
		}
	}
}
