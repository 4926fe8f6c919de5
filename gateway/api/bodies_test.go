package api

import (
	"errors"
	"io"
	"strings"
	"testing"

	"anode/gateway/problem"
)

// Large bodies share a room; small ones need none; what a body took is given back, also where there was too little.
func TestBodiesShareARoom(t *testing.T) {
	const most = 1 << 20
	r := &bodies{most: most}
	read := func(size int) (give func(), err error) {
		body, give := r.lend(io.NopCloser(strings.NewReader(strings.Repeat("x", size))))
		_, err = io.ReadAll(body)
		return give, err
	}
	large, err := read(most + smallBody)
	if err != nil || r.used.Load() != most {
		t.Fatalf("%v, %d bytes are used of %d", err, r.used.Load(), most)
	}
	small, err := read(smallBody)
	if err != nil {
		t.Errorf("a small body: %v", err)
	}
	var p *problem.Problem
	refused, err := read(most)
	if !errors.As(err, &p) || p.Status != 503 || p.Code != "unavailable" {
		t.Errorf("a body without room: %v", err)
	}
	refused()
	if r.used.Load() != most {
		t.Errorf("%d bytes are used, of one body of %d", r.used.Load(), most)
	}
	large()
	small()
	if r.used.Load() != 0 {
		t.Errorf("%d bytes are used by nobody", r.used.Load())
	}
	if give, err := read(most); err != nil {
		t.Errorf("after all was given back: %v", err)
	} else {
		give()
	}
}
