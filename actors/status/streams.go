package status

import (
	"cmp"
	"slices"

	"anode/messages"
	"anode/messages/command"
)

// withArchived puts streams that only the archive has among those that are held, and gives the first of all. Both are sorted, and have as many as are asked
// for, or all.
func withArchived(held []command.StreamView, archived []messages.Stream, most int) []command.StreamView {
	by := func(v command.StreamView, name messages.Stream) int { return cmp.Compare(v.Name, name) }
	all := slices.Clone(held)
	for _, name := range archived {
		if _, is := slices.BinarySearchFunc(held, name, by); !is {
			all = append(all, command.StreamView{Name: name, Archived: true})
		}
	}
	slices.SortFunc(all, func(a, b command.StreamView) int { return cmp.Compare(a.Name, b.Name) })
	return all[:min(len(all), most)]
}
