package session

import (
	"encoding/json"
	"errors"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"anode/gateway/problem"
)

// A client's message is refused as a bad frame, refused with words and a code, or understood; ids
// come back as they were given.
func FuzzMessages(f *testing.F) {
	for _, s := range []string{
		`{"op":"ping"}`, "{\"op\":\"ping\",\"id\":1}\n{\"op\":\"x\"}", `{"op":"subscribe","sub":"1","streams":["a"],"start":{"after":["self-1-2-3","@5"]},"policy":{"sample":"1s"}}`,
		`{"op":"publish","stream":"a","data":{"a":[1e400]},"id":[1,2]}`, `{"op":"publish","stream":"a","base64":"AA==","content_type":"a/b;c=d"}`,
		`{"op":"subscribe","start":{"last":99999},"unique":null,"where":7}`, `[]`, ``, "\xff", `{"op":"unsubscribe","sub":"\ud800"}`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, message []byte) {
		sameRequest(t, message)
		list, err := split(message)
		if err != nil {
			if !errors.Is(err, errBadFrame) {
				t.Errorf("%q: %v", message, err)
			}
			return
		}
		for _, raw := range list {
			r, err := parse(raw)
			if errors.Is(err, errBadFrame) {
				continue
			}
			if err == nil && r.Op == "publish" {
				d, fault := r.Draft("")
				if err = fault; err == nil {
					err = d.Check()
				}
			}
			answer := reply{Op: "error", Sub: r.Sub, ID: r.ID, Code: "ok", Message: "ok"}
			if err != nil {
				p := problem.Of(err)
				if answer.Code, answer.Message = p.Code, p.Detail; p.Status >= 500 || p.Code == "" || p.Detail == "" {
					t.Errorf("%q: %+v", raw, p)
				}
			}
			var back struct{ ID json.RawMessage }
			if err := json.Unmarshal(answer.encode(), &back); err != nil {
				t.Errorf("%q: the answer is no JSON: %v", raw, err)
			}
			if r.ID != nil && compact(t, back.ID) != compact(t, r.ID) {
				t.Errorf("id %s came back as %s", r.ID, back.ID)
			}
		}
	})
}

// compact takes out the space between tokens, and nothing else.
func compact(t *testing.T, raw json.RawMessage) string {
	t.Helper()
	var b strings.Builder
	inText, escaped := false, false
	for _, c := range raw {
		if inText {
			escaped, inText = c == '\\' && !escaped, escaped || c != '"'
		} else if inText = c == '"'; strings.ContainsRune(" \t\r\n", rune(c)) {
			continue
		}
		b.WriteByte(c)
	}
	return b.String()
}

func FuzzURL(f *testing.F) {
	f.Add("lab.", "stream=a&start=last:5&where=.a&policy=drop&unique=true", "self-1-2-3,@5")
	f.Add("$x.>", "start=after:,", ",")
	f.Add("*", "policy={\"sample\":\"1s\"}&start=time:1e9", "@")
	f.Fuzz(func(t *testing.T, pattern, query, last string) {
		values, err := url.ParseQuery(query)
		if err != nil {
			return
		}
		if _, _, err := fromQuery(values); err != nil {
			if p := problem.Of(err); p.Status != 422 {
				t.Errorf("%q: %v", query, p)
			}
		}
		r := httptest.NewRequest("GET", "/", nil)
		r.URL.RawQuery = query
		r.SetPathValue("pattern", pattern)
		r.Header["Last-Event-Id"] = []string{last}
		ask, err := eventsOf(r)
		if err != nil {
			if p := problem.Of(err); p.Status != 422 {
				t.Errorf("%q %q %q: %v", pattern, query, last, p)
			}
			return
		}
		if last != "" && ask.Start.After == nil {
			t.Errorf("Last-Event-ID %q was not used", last)
		}
	})
}
