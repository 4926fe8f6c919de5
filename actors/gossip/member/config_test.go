package member_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"anode/actors/gossip/member"
)

func TestConfigNamesAllFaults(t *testing.T) {
	cfg := member.Config{Node: "A-b", Keys: [][]byte{[]byte("short")}, Seeds: []string{"host", "::1:7946", "fe80::1", "[fe80::1%eth0]:1", "h:0", "h:http"}, Advertise: "::1:x:y"}
	_, err := member.New(cfg, nil)
	if err == nil {
		t.Fatal("there is no fault")
	}
	for _, want := range []string{
		`node id "A-b"`, `cluster ""`, "key 1 has 5 bytes", `seed "host": want HOST:PORT`, `seed "::1:7946": want HOST:PORT, with an IPv6 address in brackets`,
		`seed "[fe80::1%eth0]:1": an address with a zone`, `seed "h:0": port "0"`, `seed "h:http": port "http"`, `advertised address "::1:x:y"`, "a clock", "a logger",
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q is not among\n%s", want, err)
		}
	}
}

// routed is a host that listens at all addresses of a machine.
type routed struct {
	*host
	listens netip.AddrPort
	routes  map[string]string
}

func (r *routed) Local() netip.AddrPort { return r.listens }

func (r *routed) Route(to netip.Addr) (netip.Addr, error) {
	if from, ok := r.routes[to.String()]; ok {
		return netip.MustParseAddr(from), nil
	}
	return netip.Addr{}, errors.New("no route")
}

func TestAdvertisedAddress(t *testing.T) {
	const all, some = "[::]:7000", "10.0.0.1:7000"
	const default4, default6 = "192.0.2.1", "2001:db8::1"
	for name, c := range map[string]struct {
		listens, advertise string
		seeds              []string
		routes             map[string]string
		want               string // address, or the error after "!"
	}{
		"where it listens":                       {listens: some, want: some},
		"what is given":                          {listens: all, advertise: "203.0.113.5:99", want: "203.0.113.5:99"},
		"what is given, without a port":          {listens: all, advertise: "203.0.113.5", want: "203.0.113.5:7000"},
		"an IPv6 address without a port":         {listens: all, advertise: "2001:db8::5", want: "[2001:db8::5]:7000"},
		"in brackets":                            {listens: all, advertise: "[2001:db8::5]:0", want: "[2001:db8::5]:7000"},
		"a name":                                 {listens: all, advertise: "me.example:99", want: "[2001:db8::7]:99"},
		"a name, where IPv4 is spoken":           {listens: some, advertise: "me.example", want: "10.7.7.7:7000"},
		"a name that is unknown":                 {listens: all, advertise: "you.example", want: `!advertised address "you.example": lookup you.example: no such host`},
		"the route to the first seed":            {listens: all, seeds: []string{"gone.example:1", "seed.example:1"}, routes: map[string]string{"10.9.9.9": "10.1.1.1", default4: "10.2.2.2"}, want: "10.1.1.1:7000"},
		"the route to another, not the own name": {listens: all, seeds: []string{"me.example:1", "seed.example:1"}, routes: map[string]string{"10.7.7.7": "10.7.7.7", "10.9.9.9": "10.1.1.1"}, want: "10.1.1.1:7000"},
		"the own name":                           {listens: all, seeds: []string{"gone.example:1", "me.example:1"}, routes: map[string]string{"10.7.7.7": "10.7.7.7", default4: "10.2.2.2"}, want: "10.7.7.7:7000"},
		"a route of IPv4, listened at":           {listens: "0.0.0.0:7000", seeds: []string{"[2001:db8::9]:1"}, routes: map[string]string{"2001:db8::9": "2001:db8::8", default4: "10.2.2.2"}, want: "10.2.2.2:7000"},
		"the default route":                      {listens: all, seeds: []string{"gone.example:1"}, routes: map[string]string{default4: "10.2.2.2", default6: "2001:db8::2"}, want: "10.2.2.2:7000"},
		"the default route of IPv6":              {listens: all, routes: map[string]string{default6: "2001:db8::2"}, want: "[2001:db8::2]:7000"},
		"no route":                               {listens: all, want: "[::1]:7000"},
		"no route of IPv4":                       {listens: "0.0.0.0:7000", want: "127.0.0.1:7000"},
		"a route from a link-local one":          {listens: all, routes: map[string]string{default4: "169.254.1.1"}, want: "[::1]:7000"},
		"all addresses":                          {listens: all, advertise: "0.0.0.0", want: "!advertised address 0.0.0.0:7000: it means all addresses"},
		"an address of one link":                 {listens: all, advertise: "fe80::1", want: "!good on one link only"},
		"an address of a group":                  {listens: all, advertise: "224.0.0.1", want: "!it is of a group"},
		"a listener that is none of IP":          {want: "!it listens at no IP address"},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				f := newFabric()
				f.names["me.example"] = []netip.Addr{netip.MustParseAddr("2001:db8::7"), netip.MustParseAddr("10.7.7.7")}
				f.names["seed.example"] = []netip.Addr{netip.MustParseAddr("10.9.9.9")}
				r := &routed{host: f.host("10.0.0.1:7000"), routes: c.routes}
				if c.listens != "" {
					r.listens = netip.MustParseAddrPort(c.listens)
				}
				cfg := config("a")
				cfg.Advertise, cfg.Seeds = c.advertise, c.seeds
				got, err := advertised(cfg, r)
				switch want, fault := strings.CutPrefix(c.want, "!"); {
				case fault && (err == nil || !strings.Contains(err.Error(), want)):
					t.Errorf("the error is %v", err)
				case !fault && (err != nil || got != want):
					t.Errorf("it is %s, %v", got, err)
				}
				time.Sleep(time.Minute)
			})
		})
	}
}

// advertised runs a List until it knows its own address.
func advertised(cfg member.Config, network member.Network) (string, error) {
	list, err := member.New(cfg, network)
	if err != nil {
		return "", err
	}
	ended := make(chan error, 1)
	go func() { ended <- list.Run(context.Background()) }()
	if _, ok := <-list.Events(); !ok {
		return "", <-ended
	}
	at := list.Members()[0].Addr.String()
	return at, errors.Join(list.Close(), <-ended)
}

func TestWithoutSecretOnlyLoopback(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		for _, c := range []struct{ listens, advertise string }{{"10.0.0.1:7000", ""}, {"127.0.0.1:7000", "10.0.0.1"}, {"[::]:7000", "::1"}} {
			cfg := config("a")
			cfg.Keys, cfg.Advertise = nil, c.advertise
			r := &routed{host: newFabric().host("10.0.0.1:7000"), listens: netip.MustParseAddrPort(c.listens)}
			if _, err := advertised(cfg, r); err == nil || !strings.Contains(err.Error(), "without a cluster secret") {
				t.Errorf("%+v: %v", c, err)
			}
		}
	})
}

func TestListRunsOnce(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		h := newFabric().host(ip(0))
		list, err := member.New(config("a"), h)
		if err != nil {
			t.Fatal(err)
		}
		if err := list.Leave(time.Second); !errors.Is(err, member.ErrClosed) {
			t.Errorf("before it runs it leaves: %v", err)
		}
		list.SetMeta(member.Draining, 9)
		ended := make(chan error, 1)
		go func() { ended <- list.Run(context.Background()) }()
		<-list.Events()
		if m := list.Members()[0]; m.Meta.Stage != member.Draining || m.Meta.Epoch != 9 {
			t.Errorf("it says %+v", m.Meta)
		}
		if err := list.Run(context.Background()); !errors.Is(err, member.ErrClosed) {
			t.Errorf("it runs twice: %v", err)
		}
		if err := errors.Join(list.Close(), list.Close(), <-ended); err != nil {
			t.Error(err)
		}
		if err := list.Leave(time.Second); !errors.Is(err, member.ErrClosed) {
			t.Errorf("after it ran it leaves: %v", err)
		}
		if err := h.WriteTo(nil, h.local); !errors.Is(err, net.ErrClosed) {
			t.Errorf("the network is open still: %v", err)
		}
		time.Sleep(time.Minute)
	})
}

func TestListThatNeverRanCloses(t *testing.T) {
	h := newFabric().host(ip(0))
	list, err := member.New(config("a"), h)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(list.Close(), list.Close()); err != nil {
		t.Error(err)
	}
	if _, ok := <-list.Events(); ok {
		t.Error("there is an event")
	}
	if err := list.Run(context.Background()); !errors.Is(err, member.ErrClosed) {
		t.Errorf("it runs: %v", err)
	}
}

func TestLogHasNoSecretAndNoSurvey(t *testing.T) {
	inWorld(t, func(w *world) {
		var text lockedText
		change := func(c *member.Config) {
			c.Logger = slog.New(slog.NewTextHandler(&text, &slog.HandlerOptions{Level: slog.LevelDebug}))
		}
		w.start("a", ip(0), change)
		w.start("b", ip(1), func(c *member.Config) { change(c); c.Seeds = []string{ip(0)} })
		w.within(time.Second, "they join", w.allKnowAll)
		w.kill(w.nodes[1])
		time.Sleep(10 * time.Second)
		log, byteList := text.String(), strings.Trim(fmt.Sprintf("%d", key), "[]")
		if !strings.Contains(log, "msg=memberlist") || !strings.Contains(log, "level=INFO text=") || strings.Contains(log, "mirror") || strings.Contains(log, string(key)) || strings.Contains(log, byteList) {
			t.Error(log)
		}
	})
}
