package chaos

import "testing"

// What is drawn is not drawn again before it is given back, although nobody listens there.
func TestPortsAreDrawnOnce(t *testing.T) {
	const host, count = "127.0.0.1", 200
	seen := make(map[int]bool)
	for range 10 {
		p, err := drawPorts(host, count)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = p.Close() }()
		for _, port := range p.list {
			if seen[port] {
				t.Errorf("%d was drawn twice", port)
			}
			seen[port] = true
		}
	}
	p, err := drawPorts(host, 1)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	if hold, err := reserve(host, p.list[0]); err != nil {
		t.Errorf("%d was given back: %v", p.list[0], err)
	} else if err := hold.Close(); err != nil {
		t.Error(err)
	}
}
