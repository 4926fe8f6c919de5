package source_test

import (
	"fmt"
	"testing"
	"time"

	"anode/messages/command"
	"anode/testkit/feeds"
)

// A poll that gives nothing, and a message that moves a state and makes no record, wait for the journal a moment each. That is no sign of data.
func TestDataIsLateHoweverOftenTheJournalIsWaitedFor(t *testing.T) {
	events := func(f *feeds.Flow) error {
		for i := 0; ; i++ {
			if err := f.Write(fmt.Sprintf("id: %d\ndata: {\"n\":%d}\n\n", i, i)); err != nil {
				return err
			}
			if err := f.Pause(5 * time.Millisecond); err != nil {
				return err
			}
		}
	}
	b := newBench(t, nil)
	const nothing = "transform: {where: 'false'}\nliveness: {data: 300ms}\n"
	b.put("name: rest\nkind: rest\nurl: %s\nrest: {every: 10ms}\n%s", b.serve(feeds.JSON(`{"n":1}`)).URL("/"), nothing)
	b.put("name: sse\nkind: sse\nurl: %s\n%s", b.serve(feeds.Events(events)).URL("/"), nothing)
	for _, name := range []string{"rest", "sse"} {
		if s := b.awaitState(name, command.SourceStale); s.Data.OK || s.Records != 0 {
			t.Errorf("%s: %+v", name, s)
		}
	}
}
