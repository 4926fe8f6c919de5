package e2e_test

import (
	"bytes"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// smallDisk is a real file system of its own, which takes root.
func smallDisk(t *testing.T, size string) string {
	t.Helper()
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size="+size); err != nil {
		t.Skipf("SKIPPED, and nothing else tests a really full disk: no file system can be mounted: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// fill writes until the disk is full.
func fill(t *testing.T, name string) {
	t.Helper()
	f, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	for block := bytes.Repeat([]byte{'x'}, 1<<20); len(block) > 0; {
		if _, err := f.Write(block); errors.Is(err, syscall.ENOSPC) {
			block = block[:len(block)/2]
		} else if err != nil {
			t.Fatal(err)
		}
	}
}

func TestAFullDiskRefusesAndRecovers(t *testing.T) {
	disk := smallDisk(t, "96m")
	n := start(t, filepath.Join(disk, "data"), "--retention-bytes", "16MiB")
	publish := func(n *node) int {
		status, _ := n.call(http.MethodPost, "/api/v1/streams/full.a/records", "application/json", `{"pad":"`+strings.Repeat("x", 10_000)+`"}`)
		return status
	}
	taken := 0
	for range 50 {
		if publish(n) == http.StatusCreated {
			taken++
		}
	}
	if taken != 50 {
		t.Fatalf("with an empty disk %d of 50 were taken", taken)
	}
	other := filepath.Join(disk, "other")
	fill(t, other)
	eventually(t, "507 on a full disk", 20*time.Second, func() bool {
		status := publish(n)
		if status == http.StatusCreated {
			taken++
		} else if status != http.StatusInsufficientStorage {
			t.Fatalf("a full disk is answered with %d", status)
		}
		return status == http.StatusInsufficientStorage
	})
	status, body := n.call(http.MethodGet, "/api/v1/alarms", "", "")
	if status != http.StatusOK || !bytes.Contains(body, []byte("journal")) {
		t.Errorf("alarms: %d %s", status, body)
	}
	if got := len(n.history("full.a")); got != taken {
		t.Errorf("history has %d of %d while the disk is full", got, taken)
	}
	// A restart on a full disk serves what there is.
	n.kill()
	n = start(t, filepath.Join(disk, "data"), "--retention-bytes", "16MiB")
	if got := len(n.history("full.a")); got != taken {
		t.Errorf("history has %d of %d after a restart on a full disk", got, taken)
	}
	if err := os.Remove(other); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the node takes records again", 20*time.Second, func() bool { return publish(n) == http.StatusCreated })
	if got := len(n.history("full.a")); got != taken+1 {
		t.Errorf("history has %d, not %d", got, taken+1)
	}
	n.stop()
	verify(t, filepath.Join(disk, "data"))
}
