package client_test

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"anode/client"
)

// stalling is a server that begins its answers and leaves them there until the test ends.
func stalling(t testing.TB) string {
	ended := make(chan struct{})
	server, _ := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		_, _ = fmt.Fprint(w, `[{"stream":"a"`)
		_ = http.NewResponseController(w).Flush()
		<-ended
	})
	t.Cleanup(func() { close(ended) })
	return server
}

func hasty(t testing.TB, timeout time.Duration, servers ...string) *client.Client {
	t.Helper()
	c, err := client.New(client.Config{Servers: servers, AnswerTimeout: timeout})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func TestAnAnswerThatDoesNotGoOnIsNoAnswer(t *testing.T) {
	const timeout = 500 * time.Millisecond
	_, err := hasty(t, timeout, stalling(t)).Alarms(within(t))
	if err == nil || !strings.Contains(err.Error(), "does not go on") {
		t.Errorf("got %v", err)
	}
	up, asked := serve(t, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `[]`) })
	if _, err := hasty(t, timeout, stalling(t), up).Alarms(within(t)); err != nil || asked.Load() != 1 {
		t.Errorf("%v, the next was asked %d times, want 1", err, asked.Load())
	}
	_, err = hasty(t, timeout, stalling(t), up).Publish(within(t), client.Draft{Stream: "s", Payload: []byte("1")})
	if !errors.Is(err, client.ErrUnknown) || asked.Load() != 1 {
		t.Errorf("a publication without a native id: %v, asked for again %d times", err, asked.Load()-1)
	}
}

// An answer may take longer than the timeout, as long as it comes.
func TestAnAnswerThatComesSlowlyIsWaitedFor(t *testing.T) {
	const timeout = time.Second
	server, _ := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		flush := http.NewResponseController(w)
		for _, part := range strings.Split("[]"+strings.Repeat(" ", 11), "") {
			_, _ = fmt.Fprint(w, part)
			_ = flush.Flush()
			time.Sleep(timeout / 10) // what makes the answer slow
		}
	})
	if _, err := hasty(t, timeout, server).Alarms(within(t)); err != nil {
		t.Error(err)
	}
}
