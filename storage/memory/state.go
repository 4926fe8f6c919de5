package memory

import (
	"bytes"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"
	"sync"

	"anode/storage"
)

// State implements storage.State. mu guards all of it.
type State struct {
	mu      sync.RWMutex
	buckets map[string]map[string][]byte
	closed  bool
}

// NewState makes an empty state.
func NewState() *State { return &State{buckets: make(map[string]map[string][]byte)} }

var _ storage.State = (*State)(nil)

// Clone is a state with the same values, which shares nothing that changes. It is open.
func (s *State) Clone() *State {
	s.mu.RLock()
	defer s.mu.RUnlock()
	c := NewState()
	for bucket, values := range s.buckets {
		c.buckets[bucket] = maps.Clone(values) // a value is replaced, never changed
	}
	return c
}

// Get implements storage.State.
func (s *State) Get(bucket, key string) ([]byte, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.closed {
		return nil, storage.ErrClosed
	}
	value, ok := s.buckets[bucket][key]
	if !ok {
		return nil, fmt.Errorf("%s/%s: %w", bucket, key, storage.ErrNotHeld)
	}
	return bytes.Clone(value), nil
}

// Put implements storage.State.
func (s *State) Put(changes ...storage.Change) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return storage.ErrClosed
	}
	for _, c := range changes {
		if c.Value == nil {
			delete(s.buckets[c.Bucket], c.Key)
			continue
		}
		if s.buckets[c.Bucket] == nil {
			s.buckets[c.Bucket] = make(map[string][]byte)
		}
		s.buckets[c.Bucket][c.Key] = bytes.Clone(c.Value)
	}
	return nil
}

// Each implements storage.State.
func (s *State) Each(bucket string) iter.Seq[storage.Pair] {
	s.mu.RLock()
	pairs := make([]storage.Pair, 0, len(s.buckets[bucket]))
	for key, value := range s.buckets[bucket] {
		pairs = append(pairs, storage.Pair{Key: key, Value: bytes.Clone(value)})
	}
	s.mu.RUnlock()
	slices.SortFunc(pairs, func(a, b storage.Pair) int { return strings.Compare(a.Key, b.Key) })
	return slices.Values(pairs)
}

// Close implements storage.State.
func (s *State) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	return nil
}
