package demo

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"anode/client"
	"anode/messages"
	"anode/messages/command"
	"anode/messages/units"
)

var rewrite = flag.Bool("rewrite", false, "write the golden pictures anew")

func at(ms int) time.Time {
	return time.Unix(1_700_000_000, 0).UTC().Add(time.Duration(ms) * time.Millisecond)
}

// numbered takes a record's key for its number.
func numbered(r *client.Record) (n uint64, ours bool) {
	_, err := fmt.Sscan(r.Key, &n)
	return n, err == nil && r.Stream == countStream
}

func place(node int, sequence uint64) messages.Position {
	p, err := messages.ParsePosition(fmt.Sprintf("n%d-1-%d-0", node+1, sequence))
	if err != nil {
		panic(err)
	}
	return p
}

func placed(node int, sequence uint64) (c messages.Cursor) {
	c.Advance(place(node, sequence))
	return c
}

// serving is a model of nodes that all serve.
func serving(nodes int) *model {
	m := newModel(at(0), nodes, "bin/anode", "/tmp/anode-demo-1")
	m.keys = true
	for i := range nodes {
		m.serving(i, at(200+10*i), served{http: fmt.Sprintf("http://127.0.0.1:%d", 8080+i), mesh: "127.0.0.1:1", id: fmt.Sprintf("n%d", i+1)}, 4711+i)
	}
	return m
}

// cluster is what a node says that holds so many records, when some nodes are dead.
func (m *model) cluster(node int, held uint64, dead ...int) command.ClusterView {
	var c command.ClusterView
	for i := range m.nodes {
		v := command.NodeView{ID: messages.NodeID(m.nodes[i].id), State: command.NodeAlive, Self: i == node}
		for _, d := range dead {
			if d == i {
				v.State = command.NodeDead
			}
		}
		if v.Self {
			v.Journal.Records = held
			for j := range m.nodes {
				if j != i {
					v.Links = append(v.Links, command.LinkView{Peer: messages.NodeID(m.nodes[j].id), State: "up", RTT: 0.21 * float64(j)})
				}
			}
		}
		c.Nodes = append(c.Nodes, v)
	}
	return c
}

// give has the subscription give records at a node.
func (m *model) give(ms, node int, records ...*client.Record) {
	f := followed{at: at(ms), server: m.nodes[node].url}
	for _, r := range records {
		f.events = append(f.events, r)
	}
	m.took(f, numbered)
}

func datum(stream, text string) *client.Record {
	return &client.Record{Stream: stream, Data: []byte(text)}
}

// played is a demo of some seconds in which a node was killed.
func played(nodes int) *model {
	m := serving(nodes)
	last := nodes - 1
	for i := range 190 {
		ms := 300 + 50*i
		reader := min(1, last)
		if ms > 5000 && last > 0 {
			reader = last
		}
		n := uint64(i + 1)
		m.acknowledged(acknowledged{number: n, place: place(0, n), at: at(ms - 2), tries: 1})
		count := datum(countStream, fmt.Sprintf(`{"n":%d}`, n))
		count.Key, count.Time = fmt.Sprint(n), at(ms-3)
		m.give(ms, reader, count, datum([]string{"market.BTC-USD", "market.ETH-USD", "market.SOL-USD"}[i%3], `{"id":35919746984,"price":135.68,"side":"buy","size":0.044,"symbol":"SOL-USD","time":1795987349100}`))
		if i%20 == 0 {
			m.give(ms, reader, datum("sea.brise.position", `{"course":353,"lat":47.2112,"lon":-5.23827,"ship":"brise"}`),
				datum("lab.workshop.climate", `{"c":22.79,"co2":579,"rh":46,"room":"workshop"}`), datum("parcels.dock", `{"at":"dock","grams":6635}`),
				datum("earth.quakes.tonga", `{"depth_km":105.4,"mag":2.5,"region":"tonga"}`))
			for j := range nodes {
				if m.nodes[j].life != alive {
					continue
				}
				var dead []int
				if ms > 7000 && nodes > 1 {
					dead = []int{1}
				}
				m.heard(told{node: j, at: at(ms), cluster: m.cluster(j, uint64(1000+2*i), dead...)})
			}
		}
		if ms == 4900 && nodes > 2 {
			m.ended(1, at(ms+20), "")
		}
		m.tick(at(ms))
	}
	return m
}

func picture(m *model, now time.Time, s size, colour bool) string {
	var b strings.Builder
	for _, l := range m.view(now, s) {
		b.WriteString(l.string(colour) + "\n")
	}
	return b.String()
}

func TestPictures(t *testing.T) {
	asking := func(m *model) *model { m.press('k'); return m }
	wrong := func(m *model) *model {
		m.acknowledged(acknowledged{number: 900, place: place(0, 900), at: at(9000), tries: 3})
		m.took(followed{at: at(9700), server: m.nodes[2].url, cursor: placed(0, 950), events: []client.Event{
			client.Gap{Origin: "n1", Reason: "missing"}, &client.Record{Stream: countStream, Key: "7"},
		}}, numbered)
		m.stopped(0, at(9720))
		m.acknowledged(acknowledged{number: 901, place: place(0, 951), at: at(9720), tries: 1})
		return m
	}
	for name, tt := range map[string]struct {
		model *model
		size  size
	}{
		"80x24":        {played(3), size{80, 24}},
		"120x40":       {played(3), size{120, 40}},
		"40x12":        {played(3), size{40, 12}},
		"nine-80x24":   {played(9), size{80, 24}},
		"nine-160x50":  {played(9), size{160, 50}},
		"one-80x24":    {played(1), size{80, 24}},
		"asking-80x24": {asking(played(3)), size{80, 24}},
		"wrong-80x24":  {wrong(played(3)), size{80, 24}},
		"start-80x24":  {newModel(at(0), 3, "anode", "/tmp/x"), size{80, 24}},
	} {
		t.Run(name, func(t *testing.T) {
			got := picture(tt.model, at(9_800), tt.size, false)
			file := filepath.Join("testdata", name+".txt")
			if *rewrite {
				if err := os.WriteFile(file, []byte(got), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if got != string(want) {
				t.Errorf("the picture is\n%swant (-rewrite takes it as it is)\n%s", got, want)
			}
		})
	}
}

func TestAPictureFitsEveryTerminal(t *testing.T) {
	for _, nodes := range []int{1, 3, 9} {
		m := played(nodes)
		m.give(9700, 0, datum("lab.wide", `"`+strings.Repeat("世界ü", 90)+`"`))
		for width := 1; width < 180; width += 7 {
			for height := 1; height < 60; height += 3 {
				lines := m.view(at(9800), size{width, height})
				if len(lines) != height {
					t.Fatalf("%d lines on a terminal of %d", len(lines), height)
				}
				for _, l := range lines {
					if n := l.cells(); n > width {
						t.Fatalf("%d cells on a terminal of %d: %s", n, width, l.string(false))
					}
				}
				if legend := lines[height-1].string(false); width > 40 && !strings.Contains(legend, "q quit") {
					t.Fatalf("at %d×%d the last line is %q", width, height, legend)
				}
			}
		}
	}
}

func TestColoursAreTheTerminalsOwnAndLeaveTheTextAlone(t *testing.T) {
	m := played(3)
	bare, painted := picture(m, at(9800), size{100, 30}, false), picture(m, at(9800), size{100, 30}, true)
	if strings.Contains(bare, "\x1b") || !strings.Contains(painted, "\x1b[32mmissed 0") {
		t.Errorf("bare\n%q\npainted\n%q", bare, painted)
	}
	for _, code := range codes {
		painted = strings.ReplaceAll(painted, "\x1b["+code+"m", "")
	}
	trimmed := make([]string, 0, 30)
	for text := range strings.Lines(strings.ReplaceAll(painted, "\x1b[0m", "")) {
		trimmed = append(trimmed, strings.TrimRight(text, " \n"))
	}
	if text := strings.Join(trimmed, "\n") + "\n"; text != bare {
		t.Errorf("without its colours it is\n%s\nwant\n%s", text, bare)
	}
}

func TestWhatPeoplePublishDoesNotSteerTheTerminal(t *testing.T) {
	m := serving(1)
	m.give(300, 0, datum("lab.x", "\"\x1b]0;title\x07\u009b2J\r\n\u202e\""))
	if text := picture(m, at(1500), size{80, 24}, false); strings.ContainsAny(text, "\x1b\x07\r\u009b\u202e") || !strings.Contains(text, "·]0;title··2J···") {
		t.Errorf("%q", text)
	}
}

func TestTextsAreCutByCells(t *testing.T) {
	for _, tt := range []struct {
		text string
		most int
		want string
	}{{"plain", 5, "plain"}, {"plainer", 5, "plai…"}, {"äöüäöü", 4, "äöü…"}, {"世界世", 6, "世界世"}, {"世界世", 5, "世界…"}, {"世界世", 4, "世…"}, {"x", 0, ""}} {
		if got := shorten(tt.text, tt.most); got != tt.want {
			t.Errorf("%q in %d cells is %q, want %q", tt.text, tt.most, got, tt.want)
		}
	}
	for n, want := range map[uint64]string{0: "0", 999: "999", 1000: "1,000", 1234567: "1,234,567"} {
		if got := units.Grouped(n); got != want {
			t.Errorf("%d is %s, want %s", n, got, want)
		}
	}
	for _, tt := range []struct {
		counts []uint64
		want   string
	}{{nil, ""}, {[]uint64{0, 0}, "▁▁"}, {[]uint64{0, 1, 7, 14}, "▁▁▄█"}, {[]uint64{50, 900, 50, 50, 0}, "▄█▄▄▁"}} {
		if got := spark(tt.counts); got != tt.want {
			t.Errorf("spark of %v is %s", tt.counts, got)
		}
	}
	for d, want := range map[time.Duration]string{
		40 * time.Microsecond: "<0.1 ms", 1500 * time.Microsecond: "1.5 ms", 40 * time.Millisecond: "40 ms", 2600 * time.Millisecond: "2.6 s", 65 * time.Second: "1m5s",
	} {
		if got := span(d); got != want {
			t.Errorf("%v is %s, want %s", d, got, want)
		}
	}
}
