package cassandra

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"strconv"
)

// ports are those of a cluster: its nodes have the same at addresses of their own, as drivers want it for CQL.
type ports struct {
	Native     int `json:"native"`
	Storage    int `json:"storage"`
	StorageTLS int `json:"storage_tls"`
}

// Ports lie below those that systems give to whoever asks for any, so that none is taken while its node is down; and below those that
// testkit/chaos draws.
const (
	lowestPort, highestPort = 10000, 20000
	portTries               = 1000
)

// portsOf gives the ports of a cluster: those of its last life, if there was one, since nodes know each other by them.
func portsOf(c Config) (ports, error) {
	file := filepath.Join(c.Dir, "ports.json")
	var p ports
	switch text, err := os.ReadFile(file); {
	case err == nil:
		if err := json.Unmarshal(text, &p); err != nil {
			return ports{}, fmt.Errorf("read %s: %w", file, err)
		}
	case errors.Is(err, os.ErrNotExist):
		if p, err = draw(c.Nodes); err != nil {
			return ports{}, err
		}
	default:
		return ports{}, err
	}
	if c.Port != 0 {
		p.Native = c.Port
	}
	for _, port := range []int{p.Native, p.Storage, p.StorageTLS} {
		if err := free(port, c.Nodes); err != nil {
			return ports{}, err
		}
	}
	text, err := json.Marshal(p)
	if err != nil {
		return ports{}, err
	}
	return p, os.WriteFile(file, text, 0o600)
}

// draw gives different ports that are free at all hosts.
func draw(nodes int) (ports, error) {
	var list []int
	taken := make(map[int]bool)
	for range portTries {
		port := lowestPort + rand.IntN(highestPort-lowestPort)
		if taken[port] || free(port, nodes) != nil {
			continue
		}
		taken[port] = true
		if list = append(list, port); len(list) == 3 {
			return ports{list[0], list[1], list[2]}, nil
		}
	}
	return ports{}, errors.New("no ports are free")
}

func free(port, nodes int) error {
	for i := range nodes {
		l, err := net.Listen("tcp", net.JoinHostPort(host(i), strconv.Itoa(port)))
		if err != nil {
			return err
		}
		if err := l.Close(); err != nil {
			return err
		}
	}
	return nil
}
