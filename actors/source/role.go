package source

import (
	"net/url"
	"strings"

	"anode/messages/spec"
)

// Role is what a node is to a source that it runs. The zero value is the only owner.
type Role struct {
	// Rank is how many number before this one: of the Owners that collect at once those before it, and while a source moves who
	// owned it before, until that has stopped. That of rank 0 numbers what it collects at once; the others hold it back, for
	// their copies are needed only where those before them have none.
	Rank, Owners int
	// Handing tells that it runs on only until a successor runs it.
	Handing bool
}

// HostOf is the host of a source's feed by which budgets count, where it is known before the source runs; empty
// where it is not, or there is none.
func HostOf(s *spec.Spec) string {
	if s.Kind == spec.KindPush {
		return ""
	}
	pieces, err := spec.Pieces(s.URL)
	if err != nil || len(pieces) == 0 || pieces[0].Expr || pieces[0].Secret {
		return ""
	}
	text := pieces[0].Text
	begin := strings.Index(text, "://")
	if begin < 0 {
		return ""
	}
	if begin += len("://"); len(pieces) > 1 && !strings.ContainsAny(text[begin:], "/?#") {
		return "" // an expression makes the rest of it
	}
	if end := strings.IndexAny(text[begin:], "/?#"); end >= 0 {
		text = text[:begin+end]
	}
	u, err := url.Parse(text)
	if err != nil {
		return ""
	}
	return hostName(u.Host)
}
