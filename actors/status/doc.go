// Package status folds how all components are into what people and programs see of a
// node: its state, its alarms in words, whether it is ready, and the record of it that
// goes out every two seconds on the ephemeral stream $status.<node>.
//
// fold.go is pure: samples in, views out. actor.go asks the components, in a goroutine
// of its own, so that one that hangs delays only answers about status. A question is
// answered from a sample that was taken after it was asked.
package status
