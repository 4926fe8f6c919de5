package archived_test

import (
	"encoding/json"
	"testing"
	"time"

	"anode/testkit/chaos"
)

// asHeld is a row as what a node holds.
func asHeld(t testing.TB, r row) chaos.Record {
	t.Helper()
	held := chaos.Record{ID: r.id, Stream: r.stream, NativeID: r.native, Received: r.received.UTC()}
	if err := json.Unmarshal(r.payload, &held.Data); err != nil {
		t.Errorf("%s: the row has the data %q", r.id, r.payload)
	}
	return held
}

// checked demands that what a run showed is as it is promised, with the archive as one more of those that hold all.
func checked(t testing.TB, result *chaos.Result, held []chaos.Record) {
	t.Helper()
	for _, f := range result.Faults {
		t.Error(f)
	}
	t.Logf("%d records, %d delivered in %d sessions; publishers were told %v, readers of gaps %v", result.Records, result.Delivered, result.Sessions, result.Tally, result.Gaps)
	if acked := result.Tally["acknowledged"]; acked < 100 || result.Delivered < acked/2 {
		t.Errorf("%d acknowledged and %d delivered: this test shows nothing", acked, result.Delivered)
	}
	result.History.Held["the archive"] = held
	for _, f := range chaos.Check(result.History) {
		t.Error("with the archive: ", f)
	}
	t.Logf("the archive has %d rows", len(held))
}

func TestANodeThatIsKilledAgainAndAgainArchivesAllAndNothingTwice(t *testing.T) {
	t.Parallel()
	seed, rng := seeded(t)
	c, keyspace := shared.ForTest(t)
	durability := []string{"sync", "interval", "none"}[seed%3]
	t.Logf("--durability %s", durability)
	m := start(t, chaos.Config{Nodes: 1, Args: archive(c.Node(0).Addr(), keyspace, "", "--durability", durability)})

	warm(t, m.Node(0))
	// It lives long enough to archive something, as a rule, and sometimes not.
	var script chaos.Script
	at := 2 * time.Second
	for range of(4, 20) {
		script = append(script, chaos.Step{At: at, Action: chaos.KillNode{}}, chaos.Step{At: at + 50*time.Millisecond, Action: chaos.StartNode{}})
		at += 300*time.Millisecond + time.Duration(rng.Int64N(int64(of(2500*time.Millisecond, 4*time.Second))))
	}
	t.Logf("the script:\n%s", script)
	result, err := chaos.Run(t.Context(), m, chaos.Plan{Seed: seed, Script: script, Publishers: of(8, 16), Rate: of(40.0, 60.0), Readers: 2, Logf: t.Logf})
	if err != nil {
		t.Fatal(err)
	}
	caughtUp(t, time.Minute, m.Node(0))
	checked(t, result, tableOf(t, c, keyspace).held(t, m.Nodes()))
}
