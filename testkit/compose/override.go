package compose

import (
	"fmt"
	"math/rand/v2"
	"net"
	"strings"
)

// Nodes is how many nodes docker-compose.yml names, node-1 and on.
const Nodes = 5

// Limit bounds the nodes' containers; the zero Limit does not.
type Limit struct {
	// Memory is such as 256m, Processors such as 0.5.
	Memory, Processors string
}

// ports are where the nodes and the database are published.
type ports struct {
	nodes    [Nodes]int
	database int
}

// text is the compose file that goes with the project's.
func (p *ports) text(limit Limit) string {
	var b strings.Builder
	b.WriteString("services:\n")
	for i, port := range p.nodes {
		fmt.Fprintf(&b, "  node-%d:\n    ports: !override [\"127.0.0.1:%d:8080\"]\n    networks: [default, edge-%d]\n", i+1, port, i+1)
		fmt.Fprintf(&b, "    environment: {ANODE_ADVERTISE_HTTP: \"http://127.0.0.1:%d\"}\n", port)
		if limit != (Limit{}) {
			fmt.Fprintf(&b, "    mem_limit: %s\n    memswap_limit: %s\n    cpus: %s\n", limit.Memory, limit.Memory, limit.Processors)
		}
	}
	b.WriteString("  more:\n    ports: !override [\"127.0.0.1::8080\"]\n")
	fmt.Fprintf(&b, "  cassandra:\n    ports: [\"127.0.0.1:%d:9042\"]\nnetworks:\n", p.database)
	for i := range p.nodes {
		fmt.Fprintf(&b, "  edge-%d:\n", i+1)
	}
	return b.String()
}

// freePorts finds ports that nobody listens at. They are below those that the system gives to who asks for any: nobody takes
// one by chance while its container is away.
func freePorts() (*ports, error) {
	const first, count, tries = 20000, 10000, 1000
	var found []int
	for range tries {
		port := first + rand.IntN(count)
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err != nil {
			continue
		}
		if err := l.Close(); err != nil {
			return nil, err
		}
		if found = append(found, port); len(found) == Nodes+1 {
			return &ports{nodes: [Nodes]int(found[:Nodes]), database: found[Nodes]}, nil
		}
	}
	return nil, fmt.Errorf("no %d free ports from %d to %d", Nodes+1, first, first+count-1)
}
