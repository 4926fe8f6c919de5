package placement

import "fmt"

// Own is whose sources a node runs: the flag --own. It is of sources that fetch; one that runs Everywhere runs whatever it is. Zero is OwnAll.
type Own uint8

// What a node owns. It limits that node, not others: a source that was registered at a node with
// OwnLocal may run on any node with OwnAll.
const (
	// OwnAll takes every source that it wins.
	OwnAll Own = iota
	// OwnLocal takes only sources that were registered at this node, where it wins them.
	OwnLocal
	// OwnNone takes none.
	OwnNone
)

var ownNames = [...]string{OwnAll: "all", OwnLocal: "local", OwnNone: "none"}

// String is as ParseOwn reads it.
func (o Own) String() string { return ownNames[o] }

// ParseOwn reads "all", "local" or "none".
func ParseOwn(text string) (Own, error) {
	for own, name := range ownNames {
		if text == name {
			return Own(own), nil
		}
	}
	return 0, fmt.Errorf("own: %q is not all, local or none", text)
}
