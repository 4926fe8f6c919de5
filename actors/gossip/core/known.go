package core

// has tells whether the peer is known to hold a batch.
func (k *known) has(sequence uint64) bool {
	switch {
	case k.head == 0 || sequence > k.head || sequence < k.floor:
		return false
	case sequence >= k.run:
		return true
	}
	return k.from != 0 && sequence >= k.from && !k.holes.Has(sequence)
}
