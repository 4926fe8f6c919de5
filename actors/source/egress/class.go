package egress

import "net/netip"

// class is a network that is not public.
type class struct{ network, is string }

// classes follows the IANA special-purpose address registries (RFC 6890 and what came after).
// Clouds' metadata stands first where its address is also of a wider network.
func classes() []class {
	return []class{
		{"169.254.169.254/32", "a cloud's metadata"},
		{"169.254.170.2/32", "a cloud's metadata"},
		{"100.100.100.200/32", "a cloud's metadata"},
		{"168.63.129.16/32", "a cloud's metadata"},
		{"192.0.0.192/32", "a cloud's metadata"},
		{"fd00:ec2::254/128", "a cloud's metadata"},
		{"0.0.0.0/32", "unspecified"},
		{"0.0.0.0/8", "this network"},
		{"10.0.0.0/8", "private"},
		{"100.64.0.0/10", "shared by a provider (CGNAT)"},
		{"127.0.0.0/8", "loopback"},
		{"169.254.0.0/16", "link-local"},
		{"172.16.0.0/12", "private"},
		{"192.0.0.0/24", "reserved"},
		{"192.0.2.0/24", "for documentation"},
		{"192.88.99.0/24", "reserved"},
		{"192.168.0.0/16", "private"},
		{"198.18.0.0/15", "for benchmarks"},
		{"198.51.100.0/24", "for documentation"},
		{"203.0.113.0/24", "for documentation"},
		{"224.0.0.0/4", "multicast"},
		{"255.255.255.255/32", "broadcast"},
		{"240.0.0.0/4", "reserved"},
		{"::/128", "unspecified"},
		{"::1/128", "loopback"},
		{"64:ff9b:1::/48", "a local translation prefix"},
		{"100::/64", "discarded"},
		{"2001::/32", "a Teredo tunnel"},
		{"2001:db8::/32", "for documentation"},
		{"3fff::/20", "for documentation"},
		{"fc00::/7", "private"},
		{"fe80::/10", "link-local"},
		{"fec0::/10", "site-local"},
		{"ff00::/8", "multicast"},
	}
}

// classOf names what is not public; empty means public.
func classOf(addr netip.Addr) string {
	for _, c := range classes() {
		if netip.MustParsePrefix(c.network).Contains(addr) {
			return c.is
		}
	}
	return ""
}

// embedded is the IPv4 address that an IPv6 one carries, and the name of the form; empty where it
// carries none.
func embedded(addr netip.Addr) (netip.Addr, string) {
	if !addr.Is6() {
		return netip.Addr{}, ""
	}
	b := addr.As16()
	switch {
	case b[0] == 0x20 && b[1] == 0x02:
		return netip.AddrFrom4([4]byte(b[2:6])), "6to4"
	case netip.MustParsePrefix("64:ff9b::/96").Contains(addr):
		return netip.AddrFrom4([4]byte(b[12:16])), "NAT64"
	case netip.MustParsePrefix("::/96").Contains(addr):
		return netip.AddrFrom4([4]byte(b[12:16])), "IPv4-compatible"
	case b[8]&^0x03 == 0 && b[9] == 0 && b[10] == 0x5e && b[11] == 0xfe:
		return netip.AddrFrom4([4]byte(b[12:16])), "ISATAP"
	}
	return netip.Addr{}, ""
}
