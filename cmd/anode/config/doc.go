// Package config is what a node is told at start: flags over environment over a YAML file
// over defaults. Each flag --some-name is also ANODE_SOME_NAME in the environment, and the
// key some-name of the file. Lists are repeated flags, comma-separated variables, YAML lists.
//
// Load reads the file and the environment and reports all faults at once; nothing here
// opens a port or a directory.
package config
