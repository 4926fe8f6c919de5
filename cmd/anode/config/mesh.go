package config

import (
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"

	"anode/actors/gossip/member"
	"anode/cmd/anode/clustersecret"
)

// MeshOnLoopback tells whether the node listens for others on this machine's own addresses only.
func (c *Config) MeshOnLoopback() bool {
	host, _, err := net.SplitHostPort(c.Mesh)
	return err == nil && Loopback(host)
}

// checkMesh names the faults of what concerns other nodes.
func (c *Config) checkMesh() []error {
	var faults []error
	fault := func(format string, args ...any) { faults = append(faults, fmt.Errorf(format, args...)) }
	host, port, err := net.SplitHostPort(c.Mesh)
	switch {
	case err != nil:
		fault("mesh: %q is no host:port", c.Mesh)
	case !number(port):
		fault("mesh: port %q is no number from 0 to 65535", port)
	case !Loopback(host) && !c.hasSecret():
		fault("mesh: %q is beyond loopback, where anyone could join: it needs --cluster-secret-file FILE (which is made where it is missing) or %s",
			c.Mesh, clustersecret.Variable)
	}
	if err := c.checkAdvertise(); err != nil {
		fault("advertise-mesh: %w", err)
	}
	if n := len(c.Join); n > member.MaxSeeds {
		fault("join: %d seeds, at most %d are called: one that is alive tells of all others", n, member.MaxSeeds)
	}
	for _, seed := range c.Join {
		if err := member.CheckSeed(seed); err != nil {
			fault("join: %w%s", err, portHint(seed))
		}
	}
	if c.ClusterSecret != "" {
		if _, err := clustersecret.Parse([]byte(c.ClusterSecret)); err != nil {
			fault("%s: %w", clustersecret.Variable, err)
		}
	}
	if c.ClusterSecret != "" && c.ClusterSecretFile != "" {
		fault("cluster-secret-file: %s is set too: leave one of them out", clustersecret.Variable)
	}
	return faults
}

func (c *Config) hasSecret() bool { return c.ClusterSecretFile != "" || c.ClusterSecret != "" }

// checkAdvertise refuses what others can't reach, and what they should not without a secret.
func (c *Config) checkAdvertise() error {
	if c.AdvertiseMesh == "" {
		return nil
	}
	if err := member.CheckAdvertise(c.AdvertiseMesh); err != nil {
		return fmt.Errorf("%w (give the address or name of this machine that other nodes reach)", err)
	}
	if !c.hasSecret() && !Loopback(HostOf(c.AdvertiseMesh)) {
		return fmt.Errorf("%q is beyond loopback: it needs --cluster-secret-file FILE or %s", c.AdvertiseMesh, clustersecret.Variable)
	}
	return nil
}

// HostOf is the host of HOST:PORT or HOST.
func HostOf(addr string) string {
	if host, _, err := net.SplitHostPort(addr); err == nil {
		return host
	}
	return strings.Trim(addr, "[]")
}

func number(port string) bool {
	_, err := strconv.ParseUint(port, 10, 16)
	return err == nil
}

// portHint is for who left the port of a seed out, or gave a URL.
func portHint(seed string) string {
	switch {
	case strings.Contains(seed, "://"):
		return " (a seed is no URL, but host and port of another node's --mesh)"
	case seed != "" && !strings.ContainsAny(seed, ":[]/ "):
		return fmt.Sprintf(" (such as %s:7946, the usual port of --mesh)", seed)
	}
	return ""
}

// Warnings are what is allowed and hardly meant, in words.
func (c *Config) Warnings() []string {
	var far []string
	for _, seed := range c.Join {
		if host := HostOf(seed); !Loopback(host) && !slices.Contains(far, seed) {
			far = append(far, seed)
		}
	}
	if len(far) == 0 || !c.MeshOnLoopback() {
		return nil
	}
	return []string{fmt.Sprintf("--join %s is beyond this machine, but --mesh %s listens to this machine only: nobody there can answer, and no mesh will form. "+
		"Listen where they reach this node, such as --mesh 0.0.0.0:7946 with --cluster-secret-file", strings.Join(far, ", "), c.Mesh)}
}
