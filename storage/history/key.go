package history

import (
	"cmp"

	"anode/messages"
)

// key is a record's place in the order: (received ms, origin, position).
type key struct {
	ms int64
	at messages.Position
}

func keyOf(r *messages.Record) key { return key{r.HLC.Millis(), r.Position} }

func (k key) compare(o key) int {
	return cmp.Or(cmp.Compare(k.ms, o.ms), k.at.Compare(o.at))
}

// before is the place just before a record's, and after the one just behind: between them there is
// none but its own.
func (k key) before() key {
	switch {
	case k.at.Index > 0:
		k.at.Index--
	case k.at.Sequence > 0:
		k.at.Sequence--
		k.at.Index = messages.IndexEnd
	}
	return k
}

func (k key) after() key {
	k.at.Index++
	return k
}
