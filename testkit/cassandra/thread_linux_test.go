package cassandra

import (
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"
)

// A node lives as long as the process that started it, whatever becomes of the thread that happened to do so: Linux would have it die with that.
func TestANodeOutlivesTheThreadThatStartedIt(t *testing.T) {
	dir := t.TempDir()
	java := filepath.Join(dir, "java")
	if err := os.WriteFile(java, []byte("#!/bin/sh\nexec sleep 60\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	cfg := Config{Dir: dir}.filled()
	if err := os.MkdirAll(filepath.Dir(cfg.place(0).log()), 0o700); err != nil {
		t.Fatal(err)
	}
	n := &Node{cluster: &Cluster{cfg: cfg, home: home{java: java, lib: dir}}}
	launched := make(chan error)
	go func() {
		runtime.LockOSThread() // and not unlocked: the thread ends with this
		launched <- n.launch()
	}()
	if err := <-launched; err != nil {
		t.Fatal(err)
	}
	l, err := n.alive()
	if err != nil {
		t.Fatal(err)
	}
	select {
	case <-l.ended:
		t.Errorf("it has ended: %v", l.how)
	case <-time.After(500 * time.Millisecond):
	}
	if err := n.Kill(); err != nil {
		t.Error(err)
	}
}
