package status

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"anode/actors/actor"
	"anode/messages/command"
)

// spread is what a node told others, and of what kind.
type spread struct {
	mu   sync.Mutex
	told []string // "status", or the alarms
	at   []time.Duration
}

func (s *spread) take(began time.Time) func(uint8, []byte) {
	return func(kind uint8, body []byte) {
		s.mu.Lock()
		defer s.mu.Unlock()
		text := "status"
		if kind == command.KindAlarms {
			list, err := command.ReadAlarms("self", body)
			text = "alarms:"
			for _, a := range list {
				text += " " + a.Reason
			}
			if err != nil {
				text = err.Error()
			}
		} else if _, err := command.ReadStatus("self", body); err != nil {
			text = err.Error()
		}
		s.told, s.at = append(s.told, text), append(s.at, time.Since(began))
	}
}

// alarms are the alarms told, and when.
func (s *spread) alarms() (list []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, text := range s.told {
		if text != "status" {
			list = append(list, s.at[i].String()+" "+text)
		}
	}
	return list
}

// A node tells the others of itself each two seconds, its alarms when they change and each ten seconds while there are any.
func TestANodeTellsTheOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		var sent spread
		cfg := Config{
			Spread: sent.take(began),
			Parts: []Part{{Name: "journal", Ask: func(context.Context) (command.ComponentView, error) {
				v := command.ComponentView{Name: "journal", State: command.StateOK}
				switch s := time.Since(began).Seconds(); {
				case s < 5, s >= 36:
				case s < 9:
					v.State, v.Detail = command.StateDegraded, "slow"
				default:
					v.State, v.Detail = command.StateFailed, "full"
				}
				return v, nil
			}}},
		}
		run(t, cfg, func(*actor.Ref) { time.Sleep(51 * time.Second) })
		want := []string{"0s alarms:", "6s alarms: journal: slow", "10s alarms: journal: full", "20s alarms: journal: full", "30s alarms: journal: full", "36s alarms:"}
		if got := sent.alarms(); !slices.Equal(got, want) {
			t.Errorf("told %q, want %q", got, want)
		}
		if n := len(sent.told) - len(want); n != 26 {
			t.Errorf("%d statuses in 51 s, want 26", n)
		}
	})
}

// The mesh as a node shows it, with one that dies, one that can't be read, and gossip that fails for a while.
func TestTheMeshThroughTheActor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		var log strings.Builder
		reg := prometheus.NewRegistry()
		var mu sync.Mutex // guards view and fault
		var view command.PeersView
		var fault error
		cfg := Config{
			Registerer: reg, Logger: slog.New(slog.NewTextHandler(&log, nil)), Cluster: "c", Node: command.NodeView{Name: "one"},
			Peers: func(context.Context) (command.PeersView, error) {
				mu.Lock()
				defer mu.Unlock()
				return view, fault
			},
		}
		set := func(state string, links ...command.LinkView) {
			mu.Lock()
			defer mu.Unlock()
			now := time.Now()
			view = command.PeersView{
				Nodes: []command.PeerView{
					{ID: "b", Name: "bee", State: state, Since: began, Status: tells(t, "b", now, nil), StatusAt: now},
					{ID: "bad", Name: "bad", State: command.NodeAlive, Since: now, Status: command.Raw(`{"x":` + now.Format("05") + `}`), StatusAt: now},
					{ID: "self", State: command.NodeAlive, Since: began, Mesh: "10.0.0.1:1"},
				},
				Links: links,
			}
		}
		set(command.NodeAlive, command.LinkView{Peer: "b", State: "up", RTT: 1})
		run(t, cfg, func(ref *actor.Ref) {
			cluster := ask[command.ClusterView](t, ref, command.Cluster{})
			if len(cluster.Nodes) != 3 || cluster.Nodes[2].Mesh != "10.0.0.1:1" || len(cluster.Nodes[2].Links) != 1 || cluster.Nodes[1].Sources != 2 || cluster.Nodes[0].Sources != 0 {
				t.Errorf("%+v", cluster)
			}
			if v := ask[command.ReadyView](t, ref, command.Ready{}); !v.Ready || v.Checks["mesh"] != command.CheckOK {
				t.Errorf("%+v", v)
			}
			time.Sleep(3 * time.Second)
			set(command.NodeDead)
			if list := ask[[]command.AlarmView](t, ref, command.Alarms{}); len(list) != 1 || list[0].Reason != "node b (bee) is dead for 3 s" {
				t.Errorf("%+v", list)
			}
			if v := ask[command.ReadyView](t, ref, command.Ready{}); !v.Ready || v.Checks["mesh"] != "alone: 2 peers are known and none is linked" {
				t.Errorf("%+v", v)
			}
			time.Sleep(2 * time.Second)
			mu.Lock()
			fault = errors.New("it starts again")
			mu.Unlock()
			if n := len(ask[command.ClusterView](t, ref, command.Cluster{}).Nodes); n != 3 {
				t.Errorf("%d nodes while gossip does not answer, want 3", n)
			}
			if v := ask[command.ReadyView](t, ref, command.Ready{}); !v.Ready || v.Checks["mesh"] != "alone: it starts again" {
				t.Errorf("%+v", v)
			}
		})
		want := `# HELP anode_peers Other nodes of the mesh that are known.
# TYPE anode_peers gauge
anode_peers{state="alive"} 1
anode_peers{state="dead"} 1
anode_peers{state="left"} 0
anode_peers{state="suspect"} 0
# HELP anode_status_refused_total What peers told of themselves and could not be read: their status, their alarms.
# TYPE anode_status_refused_total counter
anode_status_refused_total{kind="alarms"} 0
anode_status_refused_total{kind="status"} 2
`
		if err := testutil.GatherAndCompare(reg, strings.NewReader(want), "anode_peers", "anode_status_refused_total"); err != nil {
			t.Error(err)
		}
		if n := strings.Count(log.String(), "peer=bad"); n != 1 {
			t.Errorf("the log tells %d times of a peer that can't be read, want once:\n%s", n, &log)
		}
	})
}

// ask asks the actor.
func ask[A any](t *testing.T, ref *actor.Ref, question any) A {
	t.Helper()
	answer, err := ref.Ask(t.Context(), question)
	view, ok := answer.(A)
	if err != nil || !ok {
		t.Fatalf("%+v, %v", answer, err)
	}
	return view
}
