package cassandra_test

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"anode/testkit/cassandra"
)

// mortalDir is set for a process of this test that runs a node and does nothing else.
const mortalDir = "ANODE_CASSANDRA_MORTAL"

// mortal runs a node until this process is killed.
func mortal(dir string) {
	if _, err := cassandra.Start(context.Background(), cassandra.Config{Dir: dir}); err != nil {
		os.Exit(1)
	}
	select {}
}

func TestANodeDiesWithItsProcess(t *testing.T) {
	shared.ForTest(t) // what a start takes is there, or there is nothing to test
	dir := t.TempDir()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), mortalDir+"="+dir)
	must(t, cmd.Start())
	eventually(t, "a node runs", func() bool { return runs(t, dir) })
	must(t, cmd.Process.Kill())
	_ = cmd.Wait() // it was killed
	eventually(t, "no node runs", func() bool { return !runs(t, dir) })
}

// runs tells whether a java has a directory in its arguments.
func runs(t *testing.T, dir string) bool {
	t.Helper()
	files, err := filepath.Glob("/proc/[0-9]*/cmdline")
	must(t, err)
	for _, file := range files {
		// A process that ended has none.
		if text, err := os.ReadFile(file); err == nil && bytes.Contains(text, []byte("-Dcassandra.storagedir="+dir)) {
			return true
		}
	}
	return false
}

func eventually(t *testing.T, what string, so func() bool) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(patience); !so(); <-tick.C {
		if time.Now().After(end) {
			t.Fatalf("after %s it is not so that %s", patience, what)
		}
	}
}
