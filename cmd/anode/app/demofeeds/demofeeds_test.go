package demofeeds

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"math"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"go.uber.org/goleak"

	"anode/messages/spec"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func serve(t *testing.T) *httptest.Server {
	t.Helper()
	f, err := New(Config{Clock: time.Now, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewServer(f)
	t.Cleanup(func() {
		if err := f.Close(); err != nil {
			t.Error(err)
		}
		s.Close()
		http.DefaultClient.CloseIdleConnections()
	})
	return s
}

func dial(t *testing.T, s *httptest.Server, first string) *websocket.Conn {
	t.Helper()
	ws, answer, err := websocket.DefaultDialer.Dial("ws"+strings.TrimPrefix(s.URL, "http")+"/demo/market", nil)
	if err != nil {
		t.Fatal(err)
	}
	_ = answer.Body.Close()
	t.Cleanup(func() { _ = ws.Close() })
	if err := ws.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if err := ws.WriteMessage(websocket.TextMessage, []byte(first)); err != nil {
		t.Fatal(err)
	}
	return ws
}

func TestMarketTellsEachTradeOnceAndTheNewestFirst(t *testing.T) {
	ws := dial(t, serve(t), `{"op":"subscribe","channel":"trades"}`)
	var m struct {
		Event  string
		ID     int64
		Trades []trade
	}
	next := func() string {
		if err := ws.ReadJSON(&m); err != nil {
			t.Fatal(err)
		}
		return m.Event
	}
	if got := next(); got != "subscribed" {
		t.Fatal(got)
	}
	if got := next(); got != "recent" || len(m.Trades) != recentTrades {
		t.Fatalf("%s, %d trades", got, len(m.Trades))
	}
	last := m.Trades[recentTrades-1].ID
	for range 12 {
		if next() == "heartbeat" {
			continue
		}
		if m.Event != "trade" || m.ID != last+1 {
			t.Fatalf("%s %d after %d", m.Event, m.ID, last)
		}
		last = m.ID
	}
	if got := newestTrade(time.Now()); last > got {
		t.Fatalf("trade %d came before its time, which is of %d", last, got)
	}
}

func TestMarketRefusesWhatItDoesNotKnow(t *testing.T) {
	s := serve(t)
	for _, first := range []string{`{"op":"subscribe","channel":"books"}`, `nonsense`} {
		ws := dial(t, s, first)
		var m map[string]string
		if err := ws.ReadJSON(&m); err != nil || m["event"] != "error" || m["message"] == "" {
			t.Errorf("%s: %v %v", first, m, err)
		}
		if _, _, err := ws.ReadMessage(); err == nil {
			t.Errorf("%s: the connection lives", first)
		}
	}
}

func TestTradesAreLivelyAndAlwaysTheSame(t *testing.T) {
	first := newestTrade(time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC))
	count, low, high := make(map[string]int), make(map[string]float64), make(map[string]float64)
	const hour = int64(time.Hour / tradeEvery)
	for id := first; id < first+hour; id++ {
		tr := tradeOf(id)
		if tr != tradeOf(id) || tr.ID != id || tr.Size <= 0 || tr.Price <= 0 {
			t.Fatalf("%+v", tr)
		}
		if count[tr.Symbol] == 0 {
			low[tr.Symbol] = tr.Price
		}
		count[tr.Symbol]++
		low[tr.Symbol], high[tr.Symbol] = min(low[tr.Symbol], tr.Price), max(high[tr.Symbol], tr.Price)
	}
	for _, s := range symbols() {
		moved := (high[s.name] - low[s.name]) / s.price
		if count[s.name] < int(hour)/50 || moved < s.swing/20 || moved > 2.1*s.swing {
			t.Errorf("%s was traded %d times, and moved by %.4f of its price", s.name, count[s.name], moved)
		}
	}
}

func TestSiteAndQuakesAreAsTheClockSays(t *testing.T) {
	at := time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)
	if s := siteAt(at); len(s.Rooms) != 6 || !reflect.DeepEqual(s, siteAt(at.Add(900*time.Millisecond))) || reflect.DeepEqual(s, siteAt(at.Add(time.Second))) {
		t.Errorf("the site does not change each second: %+v", s)
	}
	before, after := quakesAt(at), quakesAt(at.Add(quakeEvery))
	if len(before) != quakesShown || !reflect.DeepEqual(before[:quakesShown-1], after[1:]) || before[0].ID == after[0].ID {
		t.Errorf("one event was to be new:\n%v\n%v", before, after)
	}
	s := serve(t)
	for _, path := range []string{"/demo/site", "/demo/quakes"} {
		answer, err := http.Get(s.URL + path)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(answer.Body)
		_ = answer.Body.Close()
		if err != nil || answer.StatusCode != http.StatusOK || !json.Valid(body) || answer.Header.Get("Content-Type") != "application/json" {
			t.Errorf("%s: %d %v %.100s", path, answer.StatusCode, err, body)
		}
	}
}

func TestShipsGoOnAfterTheLastID(t *testing.T) {
	s := serve(t)
	read := func(after int64, want int) (ids []int64) {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, s.URL+"/demo/ships", http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		if after > 0 {
			r.Header.Set("Last-Event-ID", strconv.FormatInt(after, 10))
		}
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = answer.Body.Close() }()
		for lines := bufio.NewScanner(answer.Body); len(ids) < want && lines.Scan(); {
			if text, ok := strings.CutPrefix(lines.Text(), "id: "); ok {
				id, err := strconv.ParseInt(text, 10, 64)
				if err != nil {
					t.Fatal(err)
				}
				ids = append(ids, id)
			}
			if text, ok := strings.CutPrefix(lines.Text(), "data: "); ok && !json.Valid([]byte(text)) {
				t.Errorf("%s is no JSON", text)
			}
		}
		return ids
	}
	first := read(0, 3)
	if len(first) != 3 || first[2] != first[0]+2 {
		t.Fatalf("%v", first)
	}
	if again := read(first[0]-20, 23); len(again) != 23 || again[0] != first[0]-19 || again[22] != first[0]+3 {
		t.Errorf("after %d: %v", first[0]-20, again)
	}
	if much := read(1, 1); len(much) != 1 || much[0] < first[0]-missedPositions {
		t.Errorf("after the first of all: %v", much)
	}
}

func TestShipsSailWhereThereIsSea(t *testing.T) {
	first := newestPosition(time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC))
	before := make(map[string]position)
	for n := first; n < first+20_000; n++ {
		p := positionOf(n)
		if p.Lat < 46 || p.Lat > 49.5 || p.Lon < -8 || p.Lon > -3 || p.Speed < 0 || p.Speed > 30 || p.Course < 0 || p.Course > 360 {
			t.Fatalf("%+v", p)
		}
		if b, ok := before[p.Ship]; ok && (p.Time <= b.Time || math.Abs(p.Lat-b.Lat) > 0.001) {
			t.Fatalf("%+v after %+v", p, b)
		}
		before[p.Ship] = p
	}
	if len(before) != 7 {
		t.Errorf("%d ships", len(before))
	}
}

func TestEachFeedHasAValidSpec(t *testing.T) {
	all := Sources("127.0.0.1:8080", "m2x9q")
	if len(all) != len(feeds()) {
		t.Fatalf("%d specs", len(all))
	}
	for _, s := range all {
		parsed, err := spec.Parse(s.YAML, true)
		if err != nil {
			t.Errorf("%s: %v", s.Name, err)
			continue
		}
		if parsed.Name != s.Name || parsed.Kind != spec.KindPush && !strings.Contains(parsed.URL, "//127.0.0.1:8080/demo/") {
			t.Errorf("%s is %s at %s", s.Name, parsed.Name, parsed.URL)
		}
		if parsed.Kind != spec.KindPush && parsed.Nodes[Label] != "m2x9q" {
			t.Errorf("%s may be collected by nodes that don't reach it: %v", s.Name, parsed.Nodes)
		}
	}
}

// Scans are pushed in order, each again until it is taken; what is too old is left out.
func TestScansArePushedUntilTheyAreTaken(t *testing.T) {
	var mu sync.Mutex
	var got []string
	refused := 0
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var one scan
		if err := json.NewDecoder(r.Body).Decode(&one); err != nil {
			t.Error(err)
		}
		mu.Lock()
		defer mu.Unlock()
		if refused == 0 {
			refused++
			http.Error(w, "not now", http.StatusServiceUnavailable)
			return
		}
		if r.URL.Path != "/api/v1/sources/demo-parcels/push" || r.Header.Get("X-Event-Id") != "scan-"+strconv.FormatInt(one.Scan, 36) || one != scanOf(one.Scan) {
			t.Errorf("%s %v %+v", r.URL, r.Header, one)
		}
		got = append(got, strconv.FormatInt(one.Scan, 10))
		w.WriteHeader(http.StatusAccepted)
	}))
	defer s.Close()
	f, err := New(Config{Clock: time.Now, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Push(s.URL); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		mu.Lock()
		enough := len(got) >= 3
		mu.Unlock()
		if enough {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("too few scans")
		}
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if f.Push(s.URL) == nil {
		t.Error("feeds that are closed push")
	}
	for i := 1; i < len(got); i++ {
		a, _ := strconv.Atoi(got[i-1])
		if b, _ := strconv.Atoi(got[i]); b != a+1 {
			t.Errorf("%v", got)
		}
	}
}

func TestEachParcelGoesItsWay(t *testing.T) {
	steps := make(map[string][]string)
	for n := range int64(320) {
		s := scanOf(n)
		steps[s.Parcel] = append(steps[s.Parcel], s.At)
	}
	for parcel, way := range steps {
		if strings.Join(way, " ") != strings.Join(scanPath(), " ") {
			t.Errorf("%s: %v", parcel, way)
		}
	}
	if len(steps) != 80 {
		t.Errorf("%d parcels", len(steps))
	}
}
