package source

import "time"

// skewSpan is how long a clock is compared before what was found counts as old.
const skewSpan = 10 * time.Second

// clockSkew is how far another node's clock is behind this one's, with the least time that a batch took: the least difference between when a
// live batch was sealed and when it came, of the last skewSpan and the one before. Times of that node, and this much, are a little late by this
// node's clock. The zero value knows nothing.
type clockSkew struct {
	begun          int64 // of the present span, in Unix ms by this node's clock
	least, before  int64 // in ms
	some, someElse bool  // tell that least and before are known
}

// came takes over that a live batch sealed at a Unix ms came at another.
func (k *clockSkew) came(sealed, now int64) {
	if passed := now - k.begun; passed < 0 || passed >= skewSpan.Milliseconds() {
		k.before, k.someElse = k.least, k.some
		k.begun, k.some = now, false
	}
	if behind := now - sealed; !k.some || behind < k.least {
		k.least, k.some = behind, true
	}
}

// behind is what is to be added to a time of that node, in ms; 0 where that is not known.
func (k *clockSkew) behind() int64 {
	switch {
	case k.some && k.someElse:
		return min(k.least, k.before)
	case k.some:
		return k.least
	}
	return k.before
}
