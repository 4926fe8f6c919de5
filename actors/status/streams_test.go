package status

import (
	"fmt"
	"testing"

	"anode/messages"
	"anode/messages/command"
)

// A page of streams has those that are held and those that only the archive has, each once, in order.
func TestArchivedStreamsAreListedAmongThoseThatAreHeld(t *testing.T) {
	held := []command.StreamView{{Name: "b", Records: 1}, {Name: "d", Records: 2}, {Name: "f", Records: 3}}
	for name, c := range map[string]struct {
		archived []messages.Stream
		most     int
		want     string
	}{
		"none":            {nil, 3, "b1 d2 f3"},
		"all are held":    {[]messages.Stream{"b", "d", "f"}, 3, "b1 d2 f3"},
		"some are not":    {[]messages.Stream{"a", "b", "e", "g"}, 9, "a- b1 d2 e- f3 g-"},
		"no more than so": {[]messages.Stream{"a", "c", "e"}, 3, "a- b1 c-"},
	} {
		t.Run(name, func(t *testing.T) {
			got := ""
			for _, v := range withArchived(held, c.archived, c.most) {
				if got != "" {
					got += " "
				}
				if v.Archived {
					got += string(v.Name) + "-"
				} else {
					got += fmt.Sprint(v.Name, v.Records)
				}
			}
			if got != c.want {
				t.Errorf("%s, want %s", got, c.want)
			}
		})
	}
}
