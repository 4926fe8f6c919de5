package config

import (
	"log/slog"
	"net/netip"
	"os"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"anode/cmd/anode/clustersecret"
	"anode/messages"
	"anode/messages/units"
	"anode/storage/cassandra"
)

// Config is a node's settings. The zero value is not usable; Load gives one that is checked.
type Config struct {
	// Data is the directory of identity, journal and registry.
	Data string
	// HTTP is where the API listens; port 0 picks a free one.
	HTTP string
	// AdvertiseHTTP is the URL that users are told; empty means from the bind.
	AdvertiseHTTP string
	// Mesh is where the node listens for others. Port 0 picks one free for TCP and UDP.
	Mesh string
	// AdvertiseMesh is HOST:PORT or HOST that others are told; empty means from the bind.
	AdvertiseMesh string
	// Join are HOST:PORT of nodes to join; none waits for others.
	Join []string
	// ClusterSecretFile holds the mesh's secrets, and is made where it is missing; ClusterSecret is their text
	// itself. At most one is set. Without both the mesh is one of this machine.
	ClusterSecretFile string
	ClusterSecret     Hidden
	// Secrets is the directory of the files that ${secret:NAME} reads; empty means none.
	Secrets string
	// Cluster and Name are how the mesh and this node are called.
	Cluster, Name string
	// Labels are k=v pairs of this node.
	Labels map[string]string
	// Sources is a file or directory of specs to apply at start and on SIGHUP; empty means none.
	Sources string
	// Durability is what an acknowledgement waits for: sync, interval or none.
	Durability string
	// Ack is where an acknowledged record is: local, or on a peer too.
	Ack string
	// Own is whose sources this node fetches: all, local (registered here: on one node the same) or none.
	Own string
	// RetentionBytes and RetentionAge bound what the journal keeps, DiskBudget what it may grow to; 0
	// is twice RetentionBytes.
	RetentionBytes, DiskBudget units.Size
	RetentionAge               time.Duration
	// Archive is where records are kept for longer; nil is nowhere.
	Archive *cassandra.Config
	// FlushInterval is the pause between two writes to a session; 0 adapts to load.
	FlushInterval time.Duration
	// AllowPrivate are networks that sources may reach besides public addresses.
	AllowPrivate []netip.Prefix
	// AllowOrigin are browser origins that may use the API besides the node's own.
	AllowOrigin []string
	// Insecure lets the API listen beyond loopback, without tokens.
	Insecure bool
	// Demo runs the built-in feeds.
	Demo bool
	// LogLevel and LogFormat (text, json) are how the node logs to stderr.
	LogLevel  slog.Level
	LogFormat string
}

// Hidden is a text that is not shown, in whatever form it is printed.
type Hidden string

const hidden = "(hidden)"

// String implements fmt.Stringer.
func (h Hidden) String() string {
	if h == "" {
		return ""
	}
	return hidden
}

// GoString implements fmt.GoStringer.
func (h Hidden) GoString() string { return h.String() }

// MarshalText implements encoding.TextMarshaler.
func (h Hidden) MarshalText() ([]byte, error) { return []byte(h.String()), nil }

// LogValue implements slog.LogValuer.
func (h Hidden) LogValue() slog.Value { return slog.StringValue(h.String()) }

// Flags defines the flags of a node on a set, with their defaults.
func Flags(flags *pflag.FlagSet) {
	flags.String("config", "", "read settings from this YAML `FILE`; flags and ANODE_… variables win over it")
	flags.String("data", "./anode-data", "`DIR`ectory of identity, journal and registry; one process at a time has it")
	flags.String("http", "127.0.0.1:8080", "listen `ADDR`ess of API, WebSocket and dashboard; port 0 picks a free one")
	flags.String("advertise-http", "", "`URL` that users are told (default: from --http)")
	flags.String("mesh", "127.0.0.1:7946", "listen `ADDR`ess for other nodes, TCP and UDP; port 0 picks one free for both; beyond loopback it needs a secret")
	flags.String("advertise-mesh", "", "`HOST[:PORT]` at which other nodes reach this one (default: from --mesh)")
	flags.StringSlice("join", nil, "`HOST:PORT` of a node to join, tried for ever (repeatable; names too)")
	flags.String("cluster-secret-file", "", "`FILE` with the mesh's secret, made where it is missing (or "+clustersecret.Variable+", which holds the secret itself)")
	flags.String("secrets", "", "`DIR`ectory of the files that ${secret:NAME} in a source reads")
	flags.String("cluster", "anode", "`NAME` of the mesh")
	flags.String("name", hostName(), "`NAME` of this node")
	flags.StringSlice("label", nil, "label `K=V` of this node (repeatable)")
	flags.String("sources", "", "`FILE-or-DIR` of source specs applied at start and on SIGHUP, where they changed")
	flags.String("own", "all", "whose sources this node fetches: all, local or none; pushes it takes in any case")
	flags.String("durability", "sync", "what an acknowledgement waits for on this disk: sync, interval or none")
	flags.String("ack", "local", "where an acknowledged record is: local, or peer: on another node too")
	flags.Var(sizeFlag(10*units.GiB), "retention-bytes", "most bytes that the journal keeps")
	flags.Var(durationFlag(7*24*time.Hour), "retention-age", "longest time that the journal keeps a record")
	flags.Var(sizeFlag(0), "disk-budget", "most bytes that the journal may grow to (default: twice --retention-bytes)")
	flags.String("archive", "", "`URL` of the database that keeps records for longer: cassandra://HOST:PORT,HOST:PORT/KEYSPACE?ttl=…&replication=…&dc=…")
	flags.String("archive-credentials", "", "`FILE` with user and password of the archive")
	flags.String("archive-streams", string(messages.Everything), "`PATTERN` of the streams that are archived")
	flags.Var(durationFlag(0), "flush-interval", "pause between two writes to a subscriber (default: adapts to load)")
	for _, told := range []string{"disk-budget", "flush-interval"} { // in words; 0 says nothing
		flags.Lookup(told).DefValue = ""
	}
	flags.StringSlice("allow-private", nil, "network `CIDR` that sources may reach besides public addresses (repeatable)")
	flags.StringSlice("allow-origin", nil, "browser `ORIGIN` that may use the API besides the node's own (repeatable)")
	flags.Bool("insecure", false, "listen beyond loopback although nothing asks for a token")
	flags.Bool("demo", false, "run the built-in demo feeds")
	for _, l := range later {
		flags.StringSlice(l.flag, nil, "")
		if err := flags.MarkHidden(l.flag); err != nil { // it was made a line above
			panic(err)
		}
	}
	flags.String("log-level", "info", "debug, info, warn or error")
	flags.String("log-format", "text", "text or json")
}

// later are settings of the contract that have no use yet: who sets one is told so, and does not find out
// by a token that nobody asks for.
var later = []struct{ flag, why string }{
	{"tls-cert", "this version does not speak TLS: put a proxy before it"},
	{"tls-key", "this version does not speak TLS: put a proxy before it"},
	{"public", "this version has no tokens: what it serves is open to all who reach it"},
}

func sizeFlag(s units.Size) *units.Size { return &s }

func durationFlag(d time.Duration) *units.Duration { u := units.Duration(d); return &u }

// hostName is the machine's name, or "node" where it has none.
func hostName() string {
	name, err := os.Hostname()
	if err != nil || strings.TrimSpace(name) == "" {
		return "node"
	}
	return name
}
