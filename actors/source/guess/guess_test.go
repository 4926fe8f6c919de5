package guess_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"anode/actors/expr"
	"anode/actors/source"
	"anode/actors/source/guess"
	"anode/actors/source/transform"
	"anode/messages"
	"anode/messages/spec"
)

func of(t testing.TB, kind, url string, headers map[string]string, bodies ...string) *guess.Guess {
	t.Helper()
	given, _ := json.Marshal(url)
	in := guess.Input{Kind: kind, Given: map[string]json.RawMessage{"url": given}}
	for _, body := range bodies {
		in.Messages = append(in.Messages, guess.Message{Data: []byte(body), Headers: headers})
	}
	g, err := guess.Of(in)
	if err != nil {
		t.Fatalf("%v", err)
	}
	return g
}

// run makes records of the bodies; nothing may fail.
func run(t testing.TB, g *guess.Guess, headers map[string]string, bodies ...string) (all []messages.Draft) {
	t.Helper()
	p, err := transform.New(transform.Config{Spec: g.Spec, Language: source.Language(expr.NewEngine(expr.EngineConfig{})), Clock: time.Now})
	if err != nil {
		t.Fatalf("%v in\n%s", err, g.YAML)
	}
	for _, body := range bodies {
		result := p.Feed(context.Background(), []byte(body), transform.Meta{Headers: headers})
		if len(result.Failures) > 0 {
			t.Fatalf("%s in\n%s", result.Failures[0].Reason, g.YAML)
		}
		all = append(all, result.Drafts...)
	}
	return all
}

// What feeds of many forms become: split, key, native id, time, stream, and records.
func TestGuesses(t *testing.T) {
	type want struct {
		kind, url, headers string
		bodies             []string
		lines              []string // of the YAML
		records            int
		first              string // stream key native_id time of the first record
	}
	for name, c := range map[string]want{
		"a list of objects": {
			bodies:  []string{`[{"id":1,"symbol":"BTC","price":1.10,"time":"2026-11-22T10:00:00Z"},{"id":2,"symbol":"ETH","price":2,"time":"2026-11-22T10:00:01Z"}]`},
			lines:   []string{"split: .[]", "key: .symbol", "native_id: .id", "time: .time", "stream: example.things.{symbol}"},
			records: 2, first: "example.things.BTC BTC 1 2026-11-22T10:00:00Z",
		},
		"a nested list": {
			bodies:  []string{`{"status":"ok","result":{"page":1,"data":{"items":[{"uuid":"a","station":"x","ts":1795341600},{"uuid":"b","station":"x","ts":1795341601}]}}}`},
			lines:   []string{"split: .result.data.items[]", "key: .station", "native_id: .uuid", "time: .ts"},
			records: 2, first: "example.things.x x a 2026-11-22T10:00:00Z",
		},
		"GeoJSON": {
			url:     "https://earthquake.usgs.gov/earthquakes/feed/v1.0/summary/all_hour.geojson",
			bodies:  []string{`{"type":"FeatureCollection","metadata":{"generated":1795341600000,"count":2},"features":[{"type":"Feature","properties":{"mag":1.2,"place":"5 km N of X","time":1795341000123,"updated":1795341100456,"type":"earthquake","code":"1"},"geometry":{"type":"Point","coordinates":[1,2,3]},"id":"nc1"},{"type":"Feature","properties":{"mag":2.2,"place":"9 km S of Y","time":1795341500123,"updated":1795341500456,"type":"earthquake","code":"2"},"geometry":{"type":"Point","coordinates":[1,2,3]},"id":"nc2"}]}`},
			lines:   []string{"name: usgs-summary-hour", "split: .features[]", "native_id: .id", "time: .properties.time"},
			records: 2, first: "usgs.summary.hour 5 km N of X nc1 2026-11-22T09:50:00.123Z",
		},
		"JSON:API": {
			bodies:  []string{`{"data":[{"type":"articles","id":"1","attributes":{"title":"x","created_at":"2026-11-22T10:00:00Z"},"links":{"self":"/1"}},{"type":"articles","id":"2","attributes":{"title":"y","created_at":"2026-11-22T10:00:01Z"},"links":{"self":"/2"}}],"links":{"next":"/?page=2"}}`},
			lines:   []string{"split: .data[]", "native_id: .id", "time: .attributes.created_at"},
			records: 2, first: "example.things.articles articles 1 2026-11-22T10:00:00Z",
		},
		"columns beside rows": {
			bodies:  []string{`{"columns":["id","city","time"],"rows":[[1,"Bonn","2026-11-22T10:00:00Z"],[2,"Ulm","2026-11-22T10:00:01Z"]]}`},
			lines:   []string{"key: .city", "native_id: .id", "time: .time"},
			records: 2, first: "example.things.Bonn Bonn 1 2026-11-22T10:00:00Z",
		},
		"named columns beside rows": {
			bodies:  []string{`{"fields":[{"name":"id","type":"int"},{"name":"t","type":"time"}],"values":[[1,"2026-11-22T10:00:00Z"],[2,"2026-11-22T10:00:01Z"]]}`},
			lines:   []string{"native_id: .id", "time: .t"},
			records: 2, first: "example.things  1 2026-11-22T10:00:00Z",
		},
		"a first row of names": {
			bodies:  []string{`[["time_tag","kp"],["2026-11-22 10:00:00","3.1"],["2026-11-22 10:01:00","3.2"]]`},
			lines:   []string{`time: '.time_tag | sub(" "; "T") + "Z"'`, "native_id: .time_tag"},
			records: 2, first: "example.things  2026-11-22 10:00:00 2026-11-22T10:00:00Z",
		},
		"parallel lists": {
			bodies:  []string{`{"latitude":1,"hourly_units":{"time":"iso8601"},"hourly":{"time":["2026-11-22T10:00","2026-11-22T11:00"],"temperature_2m":[1.5,2.5]}}`},
			lines:   []string{`split: '.hourly | range(.temperature_2m | length) as $i | {temperature_2m: .temperature_2m[$i], time: .time[$i]}'`, `time: '.time + ":00Z"'`, "native_id: .time"},
			records: 2, first: "example.things  2026-11-22T10:00 2026-11-22T10:00:00Z",
		},
		"lists without names": {
			bodies:  []string{`[[1795341600000,"1.1","1.2"],[1795341660000,"1.2","1.3"]]`},
			lines:   []string{"split: .[]", `time: .[0]`, "native_id: .[0]"},
			records: 2, first: "example.things  1795341600000 2026-11-22T10:00:00Z",
		},
		"objects by name": {
			bodies:  []string{`{"bitcoin":{"usd":1,"last_updated_at":1795341600},"ether":{"usd":2,"last_updated_at":1795341601},"doge":{"usd":3,"last_updated_at":1795341602}}`},
			lines:   []string{"split: 'to_entries[] | {key: .key} + .value'", "key: .key", "time: .last_updated_at"},
			records: 3, first: "example.things.bitcoin bitcoin 1795341600 2026-11-22T10:00:00Z",
		},
		"one object with a time": {
			bodies:  []string{`{"c":21.5,"rh":48,"timestamp":1795341600}`},
			lines:   []string{"time: .timestamp", "native_id: .timestamp"},
			records: 1, first: "example.things  1795341600 2026-11-22T10:00:00Z",
		},
		"one object without a time": {
			bodies:  []string{`{"c":21.5,"rh":48}`},
			lines:   []string{"dedupe: {by: change}"},
			records: 1, first: "example.things   0001-01-01T00:00:00Z",
		},
		"states of things": {
			bodies:  []string{`{"stations":[{"id":"s1","name":"A","bikes":3,"last_updated":1795341600},{"id":"s2","name":"A","bikes":4,"last_updated":1795341601}]}`},
			lines:   []string{"key: .id", `native_id: '"\(.id)/\(.last_updated)"'`, "time: .last_updated"},
			records: 2, first: "example.things.s1 s1 s1/1795341600 2026-11-22T10:00:00Z",
		},
		"things without a time": {
			bodies:  []string{`[{"id":1,"free":3},{"id":2,"free":4}]`},
			lines:   []string{"native_id: .id", "key: .id", "dedupe: {by: change}"},
			records: 2, first: "example.things 1 1 0001-01-01T00:00:00Z",
		},
		"rows that share the message's time": {
			bodies:  []string{`{"time":"2026-11-22T10:00:00Z","rooms":[{"room":"attic","c":1},{"room":"hall","c":2}]}`},
			lines:   []string{"split: '.time as $time | .rooms[] | . + {time: $time}'", "key: .room", "time: .time", "native_id: .time"},
			records: 2, first: "example.things.attic attic 2026-11-22T10:00:00Z 2026-11-22T10:00:00Z",
		},
		"CSV": {
			headers: "text/csv", bodies: []string{"id;station;time\n1;a;2026-11-22T10:00:00Z\n2;b;2026-11-22T10:00:01Z\n"},
			lines:   []string{"parse: csv", "native_id: .id", "key: .station"},
			records: 2, first: "example.things.a a 1 2026-11-22T10:00:00Z",
		},
		"RSS": {
			headers: "application/rss+xml", bodies: []string{`<?xml version="1.0"?><rss version="2.0"><channel><title>x</title><item><title>a</title><guid isPermaLink="false">g1</guid><pubDate>Sun, 22 Nov 2026 10:00:00 GMT</pubDate></item><item><title>b</title><guid isPermaLink="false">g2</guid><pubDate>Sun, 22 Nov 2026 11:00:00 +0100</pubDate></item></channel></rss>`},
			lines:   []string{"parse: xml", "split: .rss.channel.item[]", `native_id: '.guid."#text"'`},
			records: 2, first: "example.things  g1 2026-11-22T10:00:00Z",
		},
		"Atom": {
			headers: "application/atom+xml", bodies: []string{`<feed xmlns="http://www.w3.org/2005/Atom"><title>x</title><entry><id>e1</id><updated>2026-11-22T10:00:00Z</updated><published>2026-11-22T09:00:00Z</published></entry></feed>`},
			lines:   []string{"parse: xml", "split: .feed.entry[]", "native_id: .id", "time: .published"},
			records: 1, first: "example.things  e1 2026-11-22T09:00:00Z",
		},
		"JSON lines": {
			headers: "application/x-ndjson", bodies: []string{`{"id":1,"time":"2026-11-22T10:00:00Z"}` + "\n" + `{"id":2,"time":"2026-11-22T10:00:01Z"}`},
			lines:   []string{"parse: ndjson", "native_id: .id"},
			records: 2, first: "example.things  1 2026-11-22T10:00:00Z",
		},
		"groups of lists": {
			bodies:  []string{`{"feeds":[{"name":"x","entries":[{"id":1,"t":1795341600},{"id":2,"t":1795341600},{"id":3,"t":1795341600},{"id":4,"t":1795341600},{"id":5,"t":1795341600}]}]}`},
			lines:   []string{"split: .feeds[].entries[]", "native_id: .id"},
			records: 5, first: "example.things  1 2026-11-22T10:00:00Z",
		},
		"a socket with an answer before its data": {
			kind: "websocket", url: "wss://ws-feed.example.com",
			bodies:  []string{`{"type":"subscriptions","channels":[]}`, `{"type":"match","trade_id":1,"product_id":"BTC-USD","price":"1","time":"2026-11-22T10:00:00Z"}`, `{"type":"match","trade_id":2,"product_id":"BTC-USD","price":"1","time":"2026-11-22T10:00:01Z"}`},
			lines:   []string{"kind: websocket", `where: '.type == "match"'`, "key: .product_id", "native_id: .trade_id", "time: .time", "stream: example.{product_id}"},
			records: 2, first: "example.BTC-USD BTC-USD 1 2026-11-22T10:00:00Z",
		},
		"a socket with lists in its messages": {
			kind: "websocket", url: "wss://ws.example.com/public",
			bodies:  []string{`{"event":"subscribe"}`, `{"arg":{"channel":"trades"},"data":[{"instId":"BTC-USDT","tradeId":"1","ts":"1795341600000"},{"instId":"BTC-USDT","tradeId":"2","ts":"1795341600001"}]}`},
			lines:   []string{"where: '.arg != null'", "split: .data[]", "key: .instId", "native_id: .tradeId", "time: .ts"},
			records: 2, first: "example.BTC-USDT BTC-USDT 1 2026-11-22T10:00:00Z",
		},
		"an order book is one message": {
			kind: "websocket", url: "wss://ws.example.com", bodies: []string{`{"e":"depth","E":1795341600000,"s":"BTCUSDT","u":1,"b":[["1","2"],["3","4"]],"a":[["1","2"]]}`},
			lines: []string{"key: .s", "time: .E"}, records: 1, first: "example.BTCUSDT BTCUSDT  2026-11-22T10:00:00Z",
		},
	} {
		t.Run(name, func(t *testing.T) {
			if c.kind == "" {
				c.kind = spec.KindREST
			}
			if c.url == "" {
				c.url = "https://api.example.com/v1/things.json?key=x"
			}
			headers := map[string]string{"content-type": c.headers}
			g := of(t, c.kind, c.url, headers, c.bodies...)
			for _, line := range c.lines {
				if !strings.Contains("\n"+g.YAML, "\n"+line+"\n") && !strings.Contains(g.YAML, "\n  "+line+"\n") {
					t.Errorf("without %q:\n%s", line, g.YAML)
				}
			}
			all := run(t, g, headers, c.bodies...)
			if len(all) != c.records {
				t.Fatalf("%d records of\n%s", len(all), g.YAML)
			}
			d := all[0]
			if got := fmt.Sprintf("%s %s %s %s", d.Stream, d.Key, d.NativeID, d.Time.Format(time.RFC3339Nano)); got != c.first {
				t.Errorf("the first record is %q, want %q", got, c.first)
			}
		})
	}
}

func TestEvery(t *testing.T) {
	hourly := `[{"id":1,"time":"2026-11-22T10:00:00Z"},{"id":2,"time":"2026-11-22T11:00:00Z"},{"id":3,"time":"2026-11-22T12:00:00Z"},{"id":4,"time":"2026-11-22T13:00:00Z"}]`
	for want, c := range map[string]struct {
		headers map[string]string
		body    string
	}{
		"every: 10s": {nil, `{"a":1}`},
		"every: 2m":  {map[string]string{"cache-control": "public, max-age=120"}, `{"a":1}`},
		"every: 1m":  {map[string]string{"cache-control": "max-age=300", "x-poll-interval": "60"}, `{"a":1}`},
		"every: 5m":  {nil, hourly},
	} {
		if g := of(t, spec.KindREST, "https://a.example/", c.headers, c.body); !strings.Contains(g.YAML, "  "+want+"\n") {
			t.Errorf("without %s:\n%s", want, g.YAML)
		}
	}
}

func TestWhatIsGivenStays(t *testing.T) {
	in := guess.Input{Kind: spec.KindREST, Given: map[string]json.RawMessage{
		"url": json.RawMessage(`"https://a.example/x?k=${secret:key}"`), "headers": json.RawMessage(`{"X-Key":"${secret:k}"}`), "key": json.RawMessage(`".other"`),
		"rest": json.RawMessage(`{"every":"7s"}`), "labels": json.RawMessage(`{"a":"b"}`), "stream": json.RawMessage(`"mine"`),
	}, Messages: []guess.Message{{Data: []byte(`[{"id":1,"symbol":"A","other":"b"},{"id":2,"symbol":"B","other":"b"}]`)}}}
	g, err := guess.Of(in)
	if err != nil {
		t.Fatal(err)
	}
	if s := g.Spec; s.Key != ".other" || s.REST.Every.Of() != 7*time.Second || s.Headers["X-Key"] != "${secret:k}" || s.Labels["a"] != "b" || s.Stream != "mine" || s.Transform.Split != ".[]" {
		t.Errorf("\n%s", g.YAML)
	}
}

func TestNothingToGuessFrom(t *testing.T) {
	given := map[string]json.RawMessage{"url": json.RawMessage(`"https://a.example/"`)}
	for _, in := range []guess.Input{{Kind: spec.KindREST, Given: given}, {Kind: spec.KindREST, Given: given, Messages: []guess.Message{{Data: []byte("\xff\x00\xff")}}}} {
		if _, err := guess.Of(in); !errors.Is(err, guess.ErrNothing) {
			t.Errorf("%v", err)
		}
	}
}

func value(depth int) *rapid.Generator[any] {
	words := rapid.OneOf(rapid.SampledFrom([]string{"id", "time", "data", "a b", "ts", "symbol", "columns", "rows", "\\(x)", "'", "\"", "#", "é", "null", "${x}", "{", ""}), rapid.StringN(0, 6, 12))
	scalars := rapid.OneOf(
		rapid.Map(words, func(s string) any { return s }), rapid.Map(rapid.IntRange(0, 2_000_000_000), func(n int) any { return n }),
		rapid.SampledFrom([]any{nil, true, "2026-11-22T10:00:00Z", "2026-11-22", 1795341600000, 1.5, "Sun, 22 Nov 2026 10:00:00 GMT"}),
	)
	if depth == 0 {
		return scalars
	}
	inner := value(depth - 1)
	return rapid.OneOf(scalars,
		rapid.Map(rapid.SliceOfN(inner, 0, 5), func(l []any) any { return l }),
		rapid.Map(rapid.MapOfN(words, inner, 0, 5), func(m map[string]any) any { return m }),
		rapid.Custom(func(t *rapid.T) any { // rows of one form
			one := rapid.MapOfN(words, value(0), 1, 5).Draw(t, "row")
			list := []any{}
			for range rapid.IntRange(1, 6).Draw(t, "count") {
				row := make(map[string]any)
				for name := range one {
					row[name] = value(0).Draw(t, name)
				}
				list = append(list, row)
			}
			return list
		}),
	)
}

// Whatever comes, the guess is a spec that runs on it without a failure of its own.
func TestEveryGuessRuns(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		var bodies []string
		var in []guess.Message
		kind := rapid.SampledFrom([]string{spec.KindREST, spec.KindWebSocket}).Draw(rt, "kind")
		for range rapid.IntRange(1, 3).Draw(rt, "messages") {
			var text bytes.Buffer
			e := json.NewEncoder(&text)
			e.SetEscapeHTML(false)
			if err := e.Encode(value(3).Draw(rt, "message")); err != nil {
				rt.Fatal(err)
			}
			bodies = append(bodies, text.String())
			in = append(in, guess.Message{Data: text.Bytes()})
		}
		url := map[string]string{spec.KindREST: "https://a.example/x", spec.KindWebSocket: "wss://a.example/x"}[kind]
		g, err := guess.Of(guess.Input{Kind: kind, Given: map[string]json.RawMessage{"url": json.RawMessage(`"` + url + `"`)}, Messages: in})
		if errors.Is(err, guess.ErrNothing) {
			return
		}
		if err != nil {
			rt.Fatalf("%v", err)
		}
		p, err := transform.New(transform.Config{Spec: g.Spec, Language: source.Language(expr.NewEngine(expr.EngineConfig{})), Clock: time.Now})
		if err != nil {
			rt.Fatalf("%v in\n%s", err, g.YAML)
		}
		for _, body := range bodies[:1] {
			if kind == spec.KindREST && len(bodies) == 1 {
				if result := p.Feed(context.Background(), []byte(body), transform.Meta{}); len(result.Failures) > 0 {
					rt.Fatalf("%s of %s in\n%s", result.Failures[0].Reason, body, g.YAML)
				}
			}
		}
	})
}
