package storagetest

import (
	"errors"
	"slices"
	"testing"

	"anode/storage"
)

// State runs the suite of storage.State. open gives an empty state, and what opens it again
// after it was closed, nil where nothing survives that.
func State(t *testing.T, open func(t *testing.T) (storage.State, func() storage.State)) {
	t.Run("what was put is there, in order", func(t *testing.T) {
		s, reopen := open(t)
		put := func(changes ...storage.Change) {
			t.Helper()
			if err := s.Put(changes...); err != nil {
				t.Fatal(err)
			}
		}
		put(storage.Change{Bucket: "a", Key: "2", Value: []byte("two")}, storage.Change{Bucket: "a", Key: "1", Value: []byte("one")},
			storage.Change{Bucket: "b", Key: "1", Value: []byte{}}, storage.Change{Bucket: "a", Key: "3", Value: []byte("x")})
		put(storage.Change{Bucket: "a", Key: "3"}, storage.Change{Bucket: "a", Key: "none"})
		check := func() {
			t.Helper()
			var keys []string
			for pair := range s.Each("a") {
				if pair.Err != nil {
					t.Fatal(pair.Err)
				}
				keys = append(keys, pair.Key+"="+string(pair.Value))
			}
			if !slices.Equal(keys, []string{"1=one", "2=two"}) {
				t.Fatalf("bucket a has %v", keys)
			}
			if v, err := s.Get("b", "1"); err != nil || len(v) != 0 {
				t.Fatalf("an empty value: %q, %v", v, err)
			}
			if _, err := s.Get("a", "3"); !errors.Is(err, storage.ErrNotHeld) {
				t.Fatalf("a deleted value: %v", err)
			}
			for range s.Each("no such bucket") {
				t.Fatal("it has something")
			}
		}
		check()
		if reopen != nil {
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			s = reopen()
			check()
		}
	})
	t.Run("values are the caller's", func(t *testing.T) {
		s, _ := open(t)
		value := []byte("one")
		if err := s.Put(storage.Change{Bucket: "a", Key: "1", Value: value}); err != nil {
			t.Fatal(err)
		}
		value[0] = 'X'
		got, _ := s.Get("a", "1")
		got[1] = 'X'
		if again, err := s.Get("a", "1"); err != nil || string(again) != "one" {
			t.Fatalf("%q, %v", again, err)
		}
	})
	t.Run("a reader may change what it reads", func(t *testing.T) {
		s, _ := open(t)
		if err := s.Put(storage.Change{Bucket: "a", Key: "1", Value: []byte("x")}, storage.Change{Bucket: "a", Key: "2", Value: []byte("y")}); err != nil {
			t.Fatal(err)
		}
		for pair := range s.Each("a") {
			if err := s.Put(storage.Change{Bucket: "a", Key: pair.Key}); err != nil {
				t.Fatal(err)
			}
		}
		for pair := range s.Each("a") {
			t.Fatalf("%s is still there", pair.Key)
		}
	})
	t.Run("after Close nothing is taken", func(t *testing.T) {
		s, _ := open(t)
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		if err := s.Put(storage.Change{Bucket: "a", Key: "1", Value: []byte("x")}); err == nil {
			t.Fatal("it was taken")
		}
	})
}
