// Package racing tells whether a test runs with the race detector, which takes memory and time of its
// own: what is measured then is not the program's.
package racing
