package chaos_test

import (
	"net/http"
	"testing"
	"time"
)

// A check that sees nothing would pass always.
func TestAFieldSeesWhoIsThereAtOnce(t *testing.T) {
	f := newField(t, 0)
	open := func(node string) *http.Response {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, f.server.URL("/sse/a?from=0"), nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("X-Node", node)
		client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
		res, err := client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		return res
	}
	first := open("one")
	second := open("two")
	_ = first.Body.Close()
	_ = second.Body.Close()
	eventually(t, "a third finds nobody", 5*time.Second, func() error {
		_ = open("three").Body.Close()
		calls := f.callsOf("a")
		if len(calls[1].beside) != 1 || calls[1].beside[0] != "one" {
			t.Fatalf("the second call was beside %v", calls[1].beside)
		}
		if last := calls[len(calls)-1]; len(last.beside) > 0 {
			return http.ErrServerClosed
		}
		return nil
	})
}
