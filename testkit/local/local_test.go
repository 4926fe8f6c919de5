package local_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"anode/storage"
	"anode/testkit/local"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// ask makes a request on a connection of its own.
func ask(t *testing.T, method, url, body string) (int, string) {
	t.Helper()
	r, err := http.NewRequest(method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	r.Close = true
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(text)
}

func TestWhatWasPublishedIsThereAfterARestart(t *testing.T) {
	n, err := local.Start(t.Context(), local.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := n.Close(); err != nil {
			t.Error(err)
		}
	}()
	if status, body := ask(t, http.MethodPost, n.URL()+"/api/v1/streams/lab.a/records", `{"n":1}`); status != http.StatusCreated {
		t.Fatalf("publish: %d %s", status, body)
	}
	if err := n.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	status, body := ask(t, http.MethodGet, n.URL()+"/api/v1/streams/lab.a/records", "")
	if status != http.StatusOK || !strings.Contains(body, `"data":{"n":1}`) {
		t.Fatalf("history: %d %s", status, body)
	}
}

func TestADirectoryHasOneNode(t *testing.T) {
	n, err := local.Start(t.Context(), local.Config{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = n.Close() }()
	if _, err := local.Start(t.Context(), local.Config{Dir: n.Dir()}); !errors.Is(err, storage.ErrLocked) {
		t.Fatalf("a second node on one directory: %v", err)
	}
}

func TestFaultyArgumentsAreToldBeforeAnythingStarts(t *testing.T) {
	if _, err := local.Start(t.Context(), local.Config{Args: []string{"--durability", "maybe"}}); err == nil || !strings.Contains(err.Error(), "durability") {
		t.Fatalf("error is %v", err)
	}
}

func Example() {
	ctx := context.Background()
	n, err := local.Start(ctx, local.Config{})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = n.Close() }()
	res, err := http.Get(n.URL() + "/healthz")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = res.Body.Close() }()
	fmt.Println(res.Status)
	http.DefaultClient.CloseIdleConnections()
	// Output: 200 OK
}
