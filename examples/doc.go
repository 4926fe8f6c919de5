// Package examples has source specs to begin with, in sources/, and the tests that hold them to what
// they say: each is valid, and those of feeds that were captured make exactly the expected records.
package examples
