package command_test

import (
	"encoding/json"
	"strings"
	"testing"

	"anode/messages/command"
)

// TestRefusalsAreToldInTheFormOfWhoAsked: as URLs and command lines write it, and as the protocol does.
func TestRefusalsAreToldInTheFormOfWhoAsked(t *testing.T) {
	const (
		startText  = `"now" is none of latest, earliest, last:10, time:T, after:P,P`
		policyText = `"fast" is none of catchup, drop, disconnect, conflate:250ms, sample:250ms`
		startJSON  = ` is none of "latest", "earliest", {"after":[…]}, {"time":"…"}, {"last":n}`
		policyJSON = ` is none of "catchup", "drop", "disconnect", {"conflate":"250ms"}, {"sample":"250ms"}`
	)
	refused := func(name string, err error, want string) {
		t.Helper()
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", name, err, want)
		}
	}
	_, err := command.ParseStart("now")
	refused("start", err, startText)
	_, err = command.ParsePolicy("fast")
	refused("policy", err, policyText)
	for _, text := range []string{`"now"`, `5`, `[]`, `true`, `{}`, `{"last":1,"after":[]}`} {
		var s command.Start
		refused(text, json.Unmarshal([]byte(text), &s), "start: "+text+startJSON)
	}
	for _, text := range []string{`"fast"`, `5`, `{}`, `{"fast":"1s"}`} {
		var p command.Policy
		refused(text, json.Unmarshal([]byte(text), &p), "policy: "+text+policyJSON)
	}
	long := `"` + strings.Repeat("ä", 1000) + `"`
	var s command.Start
	if err := json.Unmarshal([]byte(long), &s); err == nil || len(err.Error()) > 300 {
		t.Errorf("a long text gives %v", err)
	}
}
