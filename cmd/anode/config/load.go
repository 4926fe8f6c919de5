package config

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/knadh/koanf/parsers/yaml"
	"github.com/knadh/koanf/providers/env/v2"
	"github.com/knadh/koanf/providers/file"
	"github.com/knadh/koanf/providers/posflag"
	"github.com/knadh/koanf/v2"
	"github.com/spf13/pflag"

	"anode/cmd/anode/clustersecret"
	"anode/messages/units"
)

// delimiter can't stand in a key, so that no key is taken for a path.
const delimiter = "\x00"

// Load merges the parsed flags with environment (as os.Environ gives it) and file, and checks
// the result. Its error names every fault.
func Load(flags *pflag.FlagSet, environ []string) (Config, error) {
	k, err := merge(flags, environ)
	if err != nil {
		return Config{}, err
	}
	r := reader{k: k}
	c := r.config()
	c.ClusterSecret = Hidden(strings.TrimSpace(variable(environ, clustersecret.Variable)))
	return c, errors.Join(append(r.faults, c.check()...)...)
}

// merge puts flags over environment over file.
func merge(flags *pflag.FlagSet, environ []string) (*koanf.Koanf, error) {
	k := koanf.New(delimiter)
	name, _ := flags.GetString("config")
	if name == "" {
		name = variable(environ, "ANODE_CONFIG")
	}
	if name != "" {
		if err := k.Load(file.Provider(name), yaml.Parser()); err != nil {
			return nil, fmt.Errorf("config file %s: %w", name, err)
		}
		if err := known(k, flags); err != nil {
			return nil, fmt.Errorf("config file %s: %w", name, err)
		}
	}
	fromEnv := env.Provider(delimiter, env.Opt{Prefix: "ANODE_", EnvironFunc: func() []string { return environ }, TransformFunc: func(key, value string) (string, any) {
		key = strings.ReplaceAll(strings.ToLower(strings.TrimPrefix(key, "ANODE_")), "_", "-")
		if flags.Lookup(key) == nil || key == "config" {
			return "", nil
		}
		return key, value
	}})
	if err := k.Load(fromEnv, nil); err != nil {
		return nil, fmt.Errorf("environment: %w", err)
	}
	if err := k.Load(posflag.Provider(flags, delimiter, k), nil); err != nil {
		return nil, fmt.Errorf("flags: %w", err)
	}
	return k, nil
}

func variable(environ []string, name string) string {
	for _, pair := range environ {
		if key, value, _ := strings.Cut(pair, "="); key == name {
			return value
		}
	}
	return ""
}

// known refuses keys that no flag has.
func known(k *koanf.Koanf, flags *pflag.FlagSet) error {
	var faults []error
	for key := range k.Raw() {
		switch {
		case key == "cluster-secret":
			faults = append(faults, fmt.Errorf("cluster-secret: it is not kept among settings: name a file of its own with cluster-secret-file, or set %s", clustersecret.Variable))
		case flags.Lookup(key) == nil || key == "config":
			faults = append(faults, fmt.Errorf("unknown setting %q", key))
		}
	}
	slices.SortFunc(faults, func(a, b error) int { return strings.Compare(a.Error(), b.Error()) })
	return errors.Join(faults...)
}

// reader takes typed settings and keeps the faults.
type reader struct {
	k      *koanf.Koanf
	faults []error
}

func (r *reader) config() Config {
	c := Config{
		Data: r.text("data"), HTTP: r.text("http"), AdvertiseHTTP: r.text("advertise-http"),
		Mesh: r.text("mesh"), AdvertiseMesh: r.text("advertise-mesh"), Join: r.trimmed("join"),
		ClusterSecretFile: r.text("cluster-secret-file"), Ack: r.text("ack"), Secrets: r.text("secrets"),
		Cluster: r.text("cluster"), Name: r.text("name"), Sources: r.text("sources"),
		Own: r.text("own"), Durability: r.text("durability"), LogFormat: r.text("log-format"),
		RetentionBytes: read(r, "retention-bytes", units.ParseSize), DiskBudget: read(r, "disk-budget", units.ParseSize),
		RetentionAge: read(r, "retention-age", units.ParseDuration), FlushInterval: read(r, "flush-interval", units.ParseDuration),
		AllowOrigin: r.list("allow-origin"), Insecure: r.boolean("insecure"), Demo: r.boolean("demo"),
		LogLevel: read(r, "log-level", func(text string) (level slog.Level, err error) {
			if err = level.UnmarshalText([]byte(text)); err != nil {
				err = fmt.Errorf("%q is none of debug, info, warn, error", text)
			}
			return level, err
		}),
	}
	for _, l := range later {
		if len(r.list(l.flag)) > 0 {
			r.fault(l.flag, errors.New(l.why))
		}
	}
	c.Archive = r.archive()
	for _, text := range r.list("allow-private") {
		prefix, err := netip.ParsePrefix(text)
		if err != nil {
			r.fault("allow-private", fmt.Errorf("%q is no network such as 10.0.0.0/8", text))
			continue
		}
		c.AllowPrivate = append(c.AllowPrivate, prefix)
	}
	c.Labels = make(map[string]string)
	for _, pair := range r.list("label") {
		key, value, ok := strings.Cut(pair, "=")
		if !ok || key == "" {
			r.fault("label", fmt.Errorf("%q is not of the form k=v", pair))
		}
		c.Labels[key] = value
	}
	return c
}

// text is a setting with one value.
func (r *reader) text(key string) string {
	switch value := r.k.Get(key).(type) {
	case nil:
		return ""
	case []any, map[string]any:
		r.fault(key, fmt.Errorf("must be one value, not %v", value))
		return ""
	}
	return r.k.String(key)
}

// list is a setting with several values; one text has commas between them.
func (r *reader) list(key string) []string {
	switch value := r.k.Get(key).(type) {
	case nil, []any, []string:
		return r.k.Strings(key)
	case string:
		if value == "" {
			return nil
		}
		return strings.Split(value, ",")
	default:
		r.fault(key, fmt.Errorf("must be a list, not %v", value))
		return nil
	}
}

// trimmed is a list whose texts have no space around them.
func (r *reader) trimmed(key string) []string {
	list := r.list(key)
	for i := range list {
		list[i] = strings.TrimSpace(list[i])
	}
	return list
}

func (r *reader) fault(key string, err error) {
	r.faults = append(r.faults, fmt.Errorf("%s: %w", key, err))
}

// boolean reads true or false in any of their spellings.
func (r *reader) boolean(key string) bool {
	switch text := strings.ToLower(r.text(key)); text {
	case "true", "1", "yes", "on":
		return true
	case "false", "0", "no", "off", "":
		return false
	default:
		r.fault(key, fmt.Errorf("%q is neither true nor false", text))
		return false
	}
}

// read parses a setting that has a text form.
func read[T any](r *reader, key string, parse func(string) (T, error)) T {
	value, err := parse(r.text(key))
	if err != nil {
		r.fault(key, err)
	}
	return value
}

// The bounds of sizes: a journal of fewer bytes has not four segments.
const (
	minRetention    = 4 * units.MiB
	minRetentionAge = time.Second
)

func (c *Config) check() []error {
	var faults []error
	fault := func(ok bool, format string, args ...any) {
		if !ok {
			faults = append(faults, fmt.Errorf(format, args...))
		}
	}
	host, _, err := net.SplitHostPort(c.HTTP)
	fault(err == nil, "http: %q is no host:port", c.HTTP)
	fault(err != nil || c.Insecure || Loopback(host),
		"http: %q is beyond loopback, where anyone could read and write: this version has no tokens, so it needs --insecure", c.HTTP)
	faults = append(faults, c.checkMesh()...)
	fault(slices.Contains([]string{"local", "peer"}, c.Ack), "ack: %q is none of local, peer", c.Ack)
	fault(slices.Contains([]string{"all", "local", "none"}, c.Own), "own: %q is none of all, local, none", c.Own)
	fault(c.Data != "", "data: is empty")
	fault(c.Cluster != "" && len(c.Cluster) <= 63, "cluster: must have 1 to 63 bytes")
	fault(c.Name != "" && len(c.Name) <= 63, "name: must have 1 to 63 bytes")
	fault(slices.Contains([]string{"sync", "interval", "none"}, c.Durability), "durability: %q is none of sync, interval, none", c.Durability)
	fault(slices.Contains([]string{"text", "json"}, c.LogFormat), "log-format: %q is none of text, json", c.LogFormat)
	fault(c.RetentionBytes >= minRetention, "retention-bytes: %s is below %s", c.RetentionBytes, minRetention)
	fault(c.RetentionAge >= minRetentionAge, "retention-age: %s is below %s", c.RetentionAge, minRetentionAge)
	fault(c.FlushInterval <= time.Second, "flush-interval: %s is above 1s", c.FlushInterval)
	if c.DiskBudget == 0 {
		c.DiskBudget = 2 * c.RetentionBytes
	}
	fault(c.DiskBudget >= c.RetentionBytes, "disk-budget: %s is below retention-bytes, %s", c.DiskBudget, c.RetentionBytes)
	fault(c.AdvertiseHTTP == "" || httpURL(c.AdvertiseHTTP), "advertise-http: %q is no http or https URL", c.AdvertiseHTTP)
	for _, origin := range c.AllowOrigin {
		fault(origin == "*" || httpURL(origin), "allow-origin: %q is no origin such as https://example.org", origin)
	}
	return faults
}

func httpURL(text string) bool {
	u, err := url.Parse(text)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != "" && u.User == nil
}

// Loopback tells whether a host is this machine's own: localhost or a loopback address.
func Loopback(host string) bool {
	if host == "localhost" {
		return true
	}
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.IsLoopback()
}
