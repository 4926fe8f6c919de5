package config

import (
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/pflag"
)

// AddressFile is in the data directory while a node runs: the URL at which this machine's programs reach it.
const AddressFile = "http"

// mostAddress bounds what is read of an AddressFile.
const mostAddress = 1 << 10

// OwnSettings tells whether an environment is that of a node, as a container's is.
func OwnSettings(environ []string) bool {
	for _, name := range []string{"ANODE_DATA", "ANODE_HTTP", "ANODE_CONFIG"} {
		if variable(environ, name) != "" {
			return true
		}
	}
	return false
}

// Local is the URL of the node on this machine that has these settings: as it wrote it where it runs, else as --http says; empty where
// that does not tell.
func Local(flags *pflag.FlagSet, environ []string) (string, error) {
	k, err := merge(flags, environ)
	if err != nil {
		return "", err
	}
	r := reader{k: k}
	data, bind := r.text("data"), r.text("http")
	if len(r.faults) > 0 {
		return "", r.faults[0]
	}
	if !flags.Changed("http") {
		if url := readAddress(filepath.Join(data, AddressFile)); url != "" {
			return url, nil
		}
	}
	return Near(bind)
}

// readAddress is what an AddressFile says; empty where there is none that can be used.
func readAddress(name string) string {
	text, err := os.ReadFile(name)
	url := strings.TrimSpace(string(text))
	if err != nil || len(text) > mostAddress || !httpURL(url) {
		return ""
	}
	return url
}

// Near is the URL by which this machine's own programs reach who listens at an address; empty for port 0.
func Near(bind string) (string, error) {
	host, port, err := net.SplitHostPort(bind)
	if err != nil {
		return "", fmt.Errorf("http: %q is no host:port", bind)
	}
	if port == "0" {
		return "", nil
	}
	switch ip, err := netip.ParseAddr(host); {
	case host == "", err == nil && ip == netip.IPv6Unspecified(): // both kinds, where the machine has both
		host = "localhost"
	case err == nil && ip.IsUnspecified():
		host = "127.0.0.1"
	}
	return "http://" + net.JoinHostPort(host, port), nil
}
