package status

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"anode/actors/actor"
	"anode/messages/command"
	"anode/storage/memory"
)

// Anybody may ask whether a node is ready, and each check writes to its disk.
func TestReadinessIsCheckedOnceASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := slog.New(slog.DiscardHandler)
		system, err := actor.NewSystem(actor.Config{Logger: log})
		if err != nil {
			t.Fatal(err)
		}
		probes := 0
		var fault error
		spec, err := Spec(Config{
			Node: command.NodeView{ID: "self"}, Journal: memory.NewJournal(memory.Config{Self: "self"}), Clock: time.Now, Logger: log,
			Sources: func(context.Context) ([]command.SourceView, error) { return nil, nil }, Publish: func(command.Ephemeral) {},
			Probe: func(context.Context) error {
				probes++
				time.Sleep(10 * time.Millisecond) // of the bubble: an fsync
				return fault
			},
			Canary: func(context.Context) error { return nil },
		})
		if err != nil {
			t.Fatal(err)
		}
		ref, err := system.Spawn(spec)
		if err != nil {
			t.Fatal(err)
		}
		ask := func(want bool) {
			answer, err := ref.Ask(t.Context(), command.Ready{})
			if view, ok := answer.(command.ReadyView); err != nil || !ok || view.Ready != want {
				t.Errorf("%+v %v, want ready %v", answer, err, want)
			}
		}
		var all sync.WaitGroup
		for range 50 {
			all.Go(func() { ask(true) })
		}
		all.Wait()
		time.Sleep(time.Second - 50*time.Millisecond)
		ask(true)
		if probes != 1 {
			t.Errorf("%d checks of 51 questions within a second, want 1", probes)
		}
		fault = errors.New("the disk is gone")
		time.Sleep(time.Second)
		ask(false)
		fault = nil
		time.Sleep(time.Second)
		ask(true)
		if probes != 3 {
			t.Errorf("%d checks, want 3", probes)
		}
		if err := system.Stop(context.Background()); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Second) // virtual: protoactor's throttle ends
	})
}
