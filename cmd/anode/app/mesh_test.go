package app

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"errors"
	"io"
	"net"
	"net/netip"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/spf13/pflag"

	"anode/actors/gossip"
	"anode/cmd/anode/config"
)

func TestTheMeshPortIsOpenedAgainAtTheSameAddress(t *testing.T) {
	m, err := bindMesh("127.0.0.1:0", OpenMesh)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	first := open(t, m)
	if got := first.Local().String(); got != m.Addr() || strings.HasSuffix(got, ":0") {
		t.Errorf("the start bound %s, and %s is told", got, m.Addr())
	}
	talk(t, first)
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	second := open(t, m)
	if second == first || second.Local() != first.Local() {
		t.Errorf("the second is at %s, the first was at %s", second.Local(), first.Local())
	}
	talk(t, second)
	third := open(t, m) // a part that failed has not closed its own
	talk(t, third)
	if _, err := second.AcceptStream(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("the one before is open still: %v", err)
	}
	if err := m.Close(); err != nil {
		t.Error(err)
	}
	if _, err := third.AcceptStream(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("the port is open after the end: %v", err)
	}
	if _, err := m.Open(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("it is opened after the end: %v", err)
	}
}

func open(t *testing.T, m *meshPort) gossip.Network {
	t.Helper()
	n, err := m.Open()
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// talk has a network hear what is sent to it, by a stream and by a datagram.
func talk(t *testing.T, n gossip.Network) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	out, err := n.DialStream(ctx, n.Local())
	if err != nil {
		t.Fatal(err)
	}
	in, err := n.AcceptStream()
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(out.Close(), in.Close()); err != nil {
		t.Error(err)
	}
	if err := n.WriteTo([]byte("x"), n.Local()); err != nil {
		t.Fatal(err)
	}
	if _, from, err := n.ReadFrom(make([]byte, 8)); err != nil || from != n.Local() {
		t.Errorf("heard %v of %s", err, from)
	}
}

func TestAPortThatNobodyOpenedIsClosedAtTheEnd(t *testing.T) {
	m, err := bindMesh("127.0.0.1:0", OpenMesh)
	if err != nil {
		t.Fatal(err)
	}
	if err := m.Close(); err != nil {
		t.Fatal(err)
	}
	again, err := OpenMesh(m.Addr())
	if err != nil {
		t.Fatalf("the port is not given back: %v", err)
	}
	if err := again.Close(); err != nil {
		t.Error(err)
	}
}

func TestAPortOfWhichOneHalfIsTakenIsAnErrorThatNamesIt(t *testing.T) {
	for range 10 {
		udp, err := net.ListenPacket("udp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer udp.Close()
		addr := udp.LocalAddr().String()
		_, err = OpenMesh(addr)
		if err != nil && strings.Contains(err.Error(), "tcp "+addr) {
			continue // somebody else on this machine has the other half
		}
		if err == nil || !strings.Contains(err.Error(), "udp "+addr) {
			t.Errorf("the error is %v", err)
		}
		return
	}
	t.Error("no port with a free half was found")
}

// testSettings are those of a node on free ports.
func testSettings(t *testing.T, environ []string, args ...string) config.Config {
	t.Helper()
	flags := pflag.NewFlagSet("serve", pflag.ContinueOnError)
	config.Flags(flags)
	if err := flags.Parse(append([]string{"--data", filepath.Join(t.TempDir(), "data"), "--http", "127.0.0.1:0", "--mesh", "127.0.0.1:0"}, args...)); err != nil {
		t.Fatal(err)
	}
	cfg, err := config.Load(flags, environ)
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

// begin runs a node until stop is called, and returns when it serves.
func begin(t *testing.T, r *running) (ended <-chan error, stop func()) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	t.Cleanup(cancel)
	end, serving := make(chan error, 1), make(chan string, 1)
	r.opt.Serving = func(url string) { serving <- url }
	go func() { end <- r.run(ctx) }()
	select {
	case <-serving:
	case err := <-end:
		t.Fatalf("it did not serve: %v", err)
	}
	return end, cancel
}

func TestANodeThatMustEndSaysWhy(t *testing.T) {
	r := newRunning(testSettings(t, nil), Options{Stdout: io.Discard, Stderr: io.Discard})
	ended, _ := begin(t, r)
	part := r.meshPart()
	part.Stop("identity in use at 10.0.0.7:7946")
	part.Stop("and again") // which must not block
	if err := <-ended; err == nil || err.Error() != "the node must end: identity in use at 10.0.0.7:7946" {
		t.Errorf("it ended with %v", err)
	}
}

func TestTheNodesPartInTheMeshIsWhatSettingsSay(t *testing.T) {
	file := filepath.Join(t.TempDir(), "secret")
	parts := make([]*running, 2)
	for i := range parts {
		r := newRunning(testSettings(t, nil, "--cluster-secret-file", file, "--join", "127.0.0.1:1,localhost:2", "--advertise-mesh", "127.0.0.1",
			"--retention-bytes", "1GiB", "--retention-age", "1h"), Options{Stdout: io.Discard, Stderr: io.Discard})
		ended, stop := begin(t, r)
		defer func() {
			stop()
			if err := <-ended; err != nil {
				t.Error(err)
			}
		}()
		parts[i] = r
	}
	one, two := parts[0].meshPart(), parts[1].meshPart()
	if len(one.Seeds) != 2 || one.Advertise != "127.0.0.1" || one.RetentionBytes != 1<<30 || one.RetentionAge != time.Hour {
		t.Errorf("the part is %+v", one)
	}
	if one.NodeIDOf(parts[0].identity.Key.Public().(ed25519.PublicKey)) != parts[0].identity.ID {
		t.Error("the key is another node's")
	}
	if !bytes.Equal(one.Keys().Memberlist()[0], two.Keys().Memberlist()[0]) {
		t.Error("two nodes with one file have other keys")
	}
}

func TestSeamsReplaceTheNetwork(t *testing.T) {
	const addr = "127.0.0.1:0"
	var out bytes.Buffer
	var asked []string
	r := newRunning(testSettings(t, nil, "--mesh", "10.1.2.3:7946", "--cluster-secret-file", filepath.Join(t.TempDir(), "secret")), Options{
		Stdout: &out, Stderr: io.Discard,
		Listen: func(string) (net.Listener, error) { return net.Listen("tcp", addr) },
		Network: func(at string) (gossip.Network, error) {
			asked = append(asked, at)
			near, err := OpenMesh(addr)
			return far{near}, err
		},
	})
	ended, stop := begin(t, r)
	if !strings.Contains(out.String(), " mesh=10.1.2.3:7946 node=") || len(asked) == 0 || asked[0] != "10.1.2.3:7946" {
		t.Errorf("it says %q, asked %q", out.String(), asked)
	}
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// far is a network that says it is on another machine.
type far struct{ gossip.Network }

func (far) Local() netip.AddrPort { return netip.MustParseAddrPort("10.1.2.3:7946") }

func TestASecretIsInNoLineOfTheLog(t *testing.T) {
	const secret = "correct-horse-battery-staple"
	var log bytes.Buffer
	r := newRunning(testSettings(t, []string{"ANODE_CLUSTER_SECRET=" + secret}, "--log-level", "debug", "--join", "192.0.2.1:7946"), Options{Stdout: io.Discard, Stderr: &log})
	ended, stop := begin(t, r)
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if strings.Contains(log.String(), "horse") {
		t.Errorf("the log has it:\n%s", &log)
	}
	if !strings.Contains(log.String(), "nobody there can answer") {
		t.Errorf("a join that can't succeed is not warned of:\n%s", &log)
	}
}
