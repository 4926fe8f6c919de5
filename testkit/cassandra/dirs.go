package cassandra

import (
	"path/filepath"
	"strconv"
)

// host is the address of a node, counted from 0.
func host(index int) string { return "127.0.0." + strconv.Itoa(index+1) }

// place is where a node has its files.
type place string

func (c Config) place(index int) place {
	return place(filepath.Join(c.Dir, "node"+strconv.Itoa(index+1)))
}

func (p place) sub(name string) string { return filepath.Join(string(p), name) }
func (p place) yaml() string           { return p.sub("cassandra.yaml") }
func (p place) logback() string        { return p.sub("logback.xml") }
func (p place) log() string            { return p.sub("log") }
