package egress

import (
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
)

// CheckTarget tells whether a host, with or without a port, may be what a proxy is asked for: any name but
// those of this machine, and any address that Check lets pass. Addresses count in all forms that resolvers
// read: 127.1, 0x7f000001, 017700000001 and 2130706433 are 127.0.0.1.
func (g *Guard) CheckTarget(host string) error {
	name := host
	if h, _, err := net.SplitHostPort(host); err == nil {
		name = h
	}
	name = strings.ToLower(strings.Trim(name, "[]"))
	name, _, _ = strings.Cut(name, "%")
	name = strings.TrimRight(name, ".")
	if name == "localhost" || strings.HasSuffix(name, ".localhost") || name == "localhost.localdomain" {
		name = "127.0.0.1"
	}
	for _, addr := range readings(name) {
		if err := g.Check(addr); err != nil {
			return fmt.Errorf("connect to %s by a proxy: %w", name, err)
		}
	}
	return nil
}

// readings are the addresses that a text may be read as; none where it is a name.
func readings(text string) []netip.Addr {
	if addr, err := netip.ParseAddr(text); err == nil {
		return []netip.Addr{addr}
	}
	var all []netip.Addr
	for _, base := range []int{0, 10} { // 010 is 8, but some read 10
		if addr, ok := looseIPv4(text, base); ok {
			all = append(all, addr)
		}
	}
	return all
}

// looseIPv4 reads an IPv4 address as inet_aton does: one to four numbers, decimal, octal or hexadecimal, of
// which the last fills what is left. Base 10 takes decimal ones only.
func looseIPv4(text string, base int) (netip.Addr, bool) {
	parts := strings.Split(text, ".")
	if len(parts) > 4 {
		return netip.Addr{}, false
	}
	var value uint64
	for i, part := range parts {
		n, err := strconv.ParseUint(part, base, 32)
		if err != nil {
			return netip.Addr{}, false
		}
		left := 4 - i // bytes
		switch last := i == len(parts)-1; {
		case last && n >= 1<<(8*left), !last && n > 255:
			return netip.Addr{}, false
		case last:
			value = value<<(8*left) | n
		default:
			value = value<<8 | n
		}
	}
	return netip.AddrFrom4([4]byte{byte(value >> 24), byte(value >> 16), byte(value >> 8), byte(value)}), true
}
