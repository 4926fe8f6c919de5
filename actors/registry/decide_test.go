package registry

import (
	"testing"
	"time"

	"anode/messages/command"
	"anode/messages/spec"
)

// A source that is registered where its removal was forgotten is another registration: it takes up nothing of the
// earlier one.
func TestARegistrationIsNamedOnce(t *testing.T) {
	s, err := spec.Parse([]byte(`{"name":"x","kind":"rest","url":"http://x/"}`), false)
	if err != nil {
		t.Fatal(err)
	}
	var born []string
	for i := range 2 {
		d := &decider{sources: newSources(), node: "n", now: time.UnixMilli(int64(1000 + i))} // nothing is known of the earlier one
		events, err := d.put(s, &command.PutSource{})
		if err != nil || len(events) != 1 {
			t.Fatal(events, err)
		}
		born = append(born, events[0].Born)
	}
	if born[0] == born[1] || born[0] == "" {
		t.Errorf("registered as %q", born)
	}
}
