//go:build unix

package clustersecret_test

import (
	"strings"
	"syscall"
	"testing"

	"anode/cmd/anode/clustersecret"
)

func TestAPipeIsNotWaitedFor(t *testing.T) {
	w := newWorld(t)
	if err := syscall.Mkfifo(w.path, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := clustersecret.Open(w.config()); err == nil || !strings.Contains(err.Error(), "is no file") {
		t.Errorf("the error is %v", err)
	}
}
