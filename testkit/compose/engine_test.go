package compose

import "testing"

func TestRecent(t *testing.T) {
	for version, want := range map[string]bool{"2.24.0": true, "v2.26.1": true, "2.26.1-4": true, "5.0.0": true, "2.23.3": false, "1.29.2": false, "": false} {
		if recent(version) != want {
			t.Errorf("%q: %t", version, !want)
		}
	}
}
