package sim

import (
	"context"
	"fmt"
	"strings"
)

// T is what a trial needs of a *testing.T.
type T interface {
	Helper()
	Context() context.Context
	Logf(format string, args ...any)
	Errorf(format string, args ...any)
	Fatalf(format string, args ...any)
}

// Try runs a mesh through a script, and fails the test where a promise was broken, with what is needed to see
// it again.
func Try(t T, cfg Config, script string) *Result {
	t.Helper()
	s, err := New(cfg)
	if err != nil {
		t.Fatalf("%v", err)
	}
	if err := s.Play(script); err != nil {
		t.Fatalf("script:\n%v", err)
	}
	return s.Must(t)
}

// Must runs the mesh, and fails the test where a promise was broken.
func (s *Sim) Must(t T) *Result {
	t.Helper()
	r, err := s.Run(t.Context())
	if err != nil {
		t.Fatalf("%v", err)
	}
	if !r.OK() {
		t.Errorf("%v\nseed %d, %d nodes, script:\n%s", r.Err(), s.cfg.Seed, s.cfg.Nodes, s.Text())
	}
	return r
}

// Text is the script of all actions.
func (s *Sim) Text() string {
	var b strings.Builder
	for _, st := range s.script {
		fmt.Fprintf(&b, "%s %s\n", after(st.at), st.action)
	}
	return b.String()
}
