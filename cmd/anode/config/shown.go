package config

import (
	"cmp"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"anode/messages/units"
)

// Shown are the settings that users of the API may see, by the names of their flags, as they are in force. No secret, no credential and no path of
// the machine is among them.
func (c *Config) Shown() map[string]string {
	shown := map[string]string{
		"cluster": c.Cluster, "join": strings.Join(c.Join, ", "), "own": c.Own, "durability": c.Durability, "ack": c.Ack,
		"retention-bytes": c.RetentionBytes.String(), "retention-age": units.FormatDuration(c.RetentionAge),
		"disk-budget":    cmp.Or(c.DiskBudget, 2*c.RetentionBytes).String(),
		"flush-interval": interval(c.FlushInterval), "allow-private": prefixes(c.AllowPrivate), "allow-origin": strings.Join(c.AllowOrigin, ", "),
		"insecure": strconv.FormatBool(c.Insecure), "demo": strconv.FormatBool(c.Demo),
		"log-level": strings.ToLower(c.LogLevel.String()), "log-format": c.LogFormat, "archive": "",
	}
	if a := c.Archive; a != nil {
		shown["archive"] = fmt.Sprintf("cassandra://%s/%s", strings.Join(a.Hosts, ","), a.Keyspace)
		if a.TTL > 0 {
			shown["archive"] += "?ttl=" + units.FormatDuration(a.TTL)
		}
		shown["archive-streams"] = string(a.Streams)
	}
	return shown
}

func interval(d time.Duration) string {
	if d == 0 {
		return "adaptive"
	}
	return units.FormatDuration(d)
}

func prefixes(list []netip.Prefix) string {
	texts := make([]string, len(list))
	for i, p := range list {
		texts[i] = p.String()
	}
	return strings.Join(texts, ", ")
}
