//go:build race

package racing

// Enabled tells that the race detector is in the program.
const Enabled = true
