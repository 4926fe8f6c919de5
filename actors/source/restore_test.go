package source

import (
	"testing"

	"anode/storage"
)

func TestWhatIsReadForTheWindowIsBounded(t *testing.T) {
	const most, all = 10, 1000
	var known []storage.IdentityAt
	for i := range int64(all) {
		known = newestOf(append(known, storage.IdentityAt{Ms: i * 7 % all}), most) // each once, in no order
		if len(known) >= 2*most {
			t.Fatalf("%d are kept", len(known))
		}
	}
	newest := make(map[int64]bool)
	for _, at := range known {
		newest[at.Ms] = true
	}
	for ms := int64(all - most); ms < all; ms++ {
		if !newest[ms] {
			t.Errorf("that of %d is missing", ms)
		}
	}
}
