package source

import (
	"fmt"
	"strings"
	"testing"

	"anode/messages/spec"
)

// The advice is about what went wrong, not about the address.
func TestAdviceIsByCause(t *testing.T) {
	_, missing := Secrets{Dir: t.TempDir()}.get("token", "feed.example")
	for want, err := range map[string]error{
		"give this node the secret":     fmt.Errorf("connect: %w", missing),
		"ask the feed for less at once": fmt.Errorf("read: %w", ErrTooLarge),
		"the feed wants credentials":    &Refused{Status: 401},
		"reached from this node":        &NoAnswer{Who: "the feed"},
	} {
		if got := Advice(err, &spec.Spec{}); !strings.Contains(got, want) {
			t.Errorf("%v: %q, want %q", err, got, want)
		}
	}
}
