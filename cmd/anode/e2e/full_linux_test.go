package e2e_test

import (
	"bytes"
	"crypto/rand"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"anode/testkit/faults"
)

func TestAFullDiskRefusesAndRecovers(t *testing.T) {
	disk := faults.SmallDisk(t, "96m")
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
	faults.Fill(t, other)
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

// A disk that is smaller than a segment is used as far as it goes; full, it is told all the time.
func TestADiskBelowASegmentTakesRecordsAndTellsThatItIsFull(t *testing.T) {
	disk := faults.SmallDisk(t, "20m")
	n := start(t, filepath.Join(disk, "data"))
	publish := func() int {
		status, _ := n.call(http.MethodPost, "/api/v1/streams/full.a/records", "application/octet-stream", chance(200_000))
		return status
	}
	taken := 0
	eventually(t, "507 on a full disk", 30*time.Second, func() bool {
		status := publish()
		if status == http.StatusCreated {
			taken++
		}
		return status == http.StatusInsufficientStorage
	})
	if taken < 50 {
		t.Errorf("%d of 200 kB were taken on 20 MiB", taken)
	}
	for range 30 { // it looked again, and there is still no room
		if status, body := n.call(http.MethodGet, "/readyz", "", ""); status != http.StatusServiceUnavailable {
			t.Fatalf("full, and ready: %d %s", status, body)
		}
		if status := publish(); status != http.StatusInsufficientStorage {
			t.Fatalf("full, and publishing is answered with %d", status)
		}
		time.Sleep(100 * time.Millisecond)
	}
	if _, body := n.call(http.MethodGet, "/api/v1/alarms", "", ""); !bytes.Contains(body, []byte("storage full")) || !bytes.Contains(body, []byte("--retention-bytes")) {
		t.Errorf("alarms: %s", body)
	}
	if err := faults.Resize(disk, "40m"); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the node takes records again", 20*time.Second, func() bool { return publish() == http.StatusCreated })
	if got := len(n.history("full.a")); got != taken+1 {
		t.Errorf("history has %d, not %d", got, taken+1)
	}
	n.stop()
	verify(t, filepath.Join(disk, "data"))
}

// chance is so many random bytes: nothing that compresses.
func chance(size int) string {
	b := make([]byte, size)
	_, _ = rand.Read(b)
	return string(b)
}

// What is pushed to a full disk is refused, counts as nothing, and passes as soon as there is room.
func TestAFullDiskAcceptsNoPush(t *testing.T) {
	disk := faults.SmallDisk(t, "96m")
	n := start(t, filepath.Join(disk, "data"), "--retention-bytes", "16MiB")
	spec := `{"name":"hook","kind":"push","native_id":".n","backoff":{"min":"1h","max":"1h"}}`
	if status, body := n.call(http.MethodPost, "/api/v1/sources", "application/json", spec); status != http.StatusCreated {
		t.Fatalf("%d %s", status, body)
	}
	next := 0
	push := func() int {
		status, body := n.call(http.MethodPost, "/api/v1/sources/hook/push", "application/json", fmt.Sprintf(`{"n":%d,"pad":%q}`, next, strings.Repeat("x", 10_000)))
		switch {
		case status == http.StatusAccepted && bytes.Contains(body, []byte(`"accepted":1`)):
			next++
		case status == http.StatusAccepted:
			t.Fatalf("%d: %s", next, body)
		case status != http.StatusInsufficientStorage:
			t.Fatalf("a full disk is answered with %d %s", status, body)
		}
		return status
	}
	for range 20 {
		push()
	}
	if next != 20 {
		t.Fatalf("with an empty disk %d of 20 were taken", next)
	}
	other := filepath.Join(disk, "other")
	faults.Fill(t, other)
	eventually(t, "507 on a full disk", 20*time.Second, func() bool { return push() == http.StatusInsufficientStorage })
	for range 20 {
		if push() != http.StatusInsufficientStorage {
			t.Fatal("a full disk took a push")
		}
	}
	if got := len(n.history("hook")); got != next {
		t.Errorf("history has %d of %d", got, next)
	}
	if err := os.Remove(other); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the source takes pushes again, without its pause", 20*time.Second, func() bool { return push() == http.StatusAccepted })
	if got := len(n.history("hook")); got != next {
		t.Errorf("history has %d, not %d", got, next)
	}
	n.stop()
	verify(t, filepath.Join(disk, "data"))
}
