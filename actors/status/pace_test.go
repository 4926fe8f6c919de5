package status

import (
	"testing"
	"testing/synctest"
	"time"

	"anode/actors/actor"
	"anode/messages/command"
)

func TestPaceIsOfTheNodesThatTakePart(t *testing.T) {
	var p pace
	p.note(second(1), []command.NodeView{
		{State: command.NodeAlive, Rates: command.RatesView{In: 1.5, Out: 2}, Latency: command.LatencyView{MeshP99: 4}},
		{State: command.NodeDraining, Rates: command.RatesView{In: 2}, Latency: command.LatencyView{MeshP99: 9, DeliveryP99: 1}},
		{State: command.NodeDead, Rates: command.RatesView{In: 100, Out: 100}, Latency: command.LatencyView{MeshP99: 100}},
	})
	want := command.MeshRate{At: second(1).UTC(), In: 3.5, Out: 2, MeshP99: 9, DeliveryP99: 1}
	if got := p.list(); len(got) != 1 || got[0] != want {
		t.Errorf("%+v, want %+v", got, want)
	}
}

func TestPaceKeepsTheNewest(t *testing.T) {
	var p pace
	for i := range mostPaces + 10 {
		p.note(second(i), nil)
	}
	got := p.list()
	if len(got) != mostPaces || !got[0].At.Equal(second(10)) || !got[mostPaces-1].At.Equal(second(mostPaces+9)) {
		t.Errorf("%d from %v to %v", len(got), got[0].At, got[len(got)-1].At)
	}
}

func TestPaceIsNotedAtThePaceOfStatusOnly(t *testing.T) {
	in(t, Config{}, func(t *testing.T, ref *actor.Ref) {
		for range 10 {
			if _, err := command.Ask(t.Context(), ref, command.Status{}); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(5 * time.Second) // virtual
		synctest.Wait()
		view, err := command.Ask(t.Context(), ref, command.MeshRates{})
		if err != nil || len(view.Items) != 3 {
			t.Errorf("%d moments in five seconds, want 3: %v", len(view.Items), err)
		}
	})
}
