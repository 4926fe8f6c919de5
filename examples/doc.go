// Package examples has source specs to begin with, in sources/, and the tests that hold them to what
// they say: each is valid, and those of feeds that were captured make exactly the expected records,
// and the sample beside each (made by hand, in the form of the feed) becomes the golden records beside it: `anode source test examples/sources`.
// A page of the documentation, docs/sources.md, is made of them.
package examples
