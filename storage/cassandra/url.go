package cassandra

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"anode/messages/units"
)

const (
	scheme      = "cassandra://"
	defaultPort = "9042"
)

var errSecretInURL = errors.New("user and password don't belong into the URL, where others see them: they are read from --archive-credentials FILE")

// Parse reads cassandra://HOST:PORT,HOST:PORT/KEYSPACE?name=value&…, where the names are dc, ttl, replication, consistency, tls, tls-ca,
// tls-cert, tls-key, tls-name, discovery, batch and flight. The error names all that is wrong, and never what stands before an '@'.
func Parse(text string) (Config, error) {
	var cfg Config
	rest, ok := strings.CutPrefix(text, scheme)
	if !ok {
		return cfg, errors.New("archive: the form is cassandra://HOST:PORT,HOST:PORT/KEYSPACE?name=value")
	}
	var faults []error
	rest, query, _ := strings.Cut(rest, "?")
	if at := strings.LastIndexByte(rest, '@'); at >= 0 {
		faults = append(faults, errSecretInURL)
		rest = rest[at+1:]
	}
	hosts, keyspace, _ := strings.Cut(rest, "/")
	cfg.Keyspace = keyspace
	for host := range strings.SplitSeq(hosts, ",") {
		if hosts != "" {
			cfg.Hosts = append(cfg.Hosts, withPort(host))
		}
	}
	faults = append(faults, cfg.settings(query)...)
	faults = append(faults, cfg.Validate())
	err := errors.Join(faults...)
	if err != nil && strings.Contains(query, "@") { // a password may have had the '?'
		err = fmt.Errorf("%w; where none are in it, write the '@' of a setting as %%40 to be told what else is wrong", errSecretInURL)
	}
	if err != nil {
		return Config{}, fmt.Errorf("archive: %w", err)
	}
	return cfg, nil
}

// settings reads what stands behind the '?'.
func (c *Config) settings(query string) (faults []error) {
	values, err := url.ParseQuery(query)
	if err != nil {
		return []error{fmt.Errorf("what stands behind the '?' can't be read: %w", err)}
	}
	names := make([]string, 0, len(values))
	for name := range values {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		if len(values[name]) > 1 {
			faults = append(faults, fmt.Errorf("%s is there more than once", name))
		}
		if err := c.set(name, values[name][0]); err != nil {
			faults = append(faults, err)
		}
	}
	if values.Get("tls") == "off" {
		c.TLS.On = false // whatever else says; Validate tells
	}
	return faults
}

// set takes one setting.
func (c *Config) set(name, value string) (err error) {
	secure := func(to *string) error {
		*to = value
		if value == "" {
			return fmt.Errorf("%s is empty", name)
		}
		c.TLS.On = true
		return nil
	}
	switch name {
	case "dc":
		c.DC = value
		if value == "" {
			err = errors.New("dc is empty")
		}
	case "ttl":
		c.TTL, err = units.ParseDuration(value)
	case "replication":
		c.Replication, err = parseReplication(value)
	case "consistency":
		if c.Consistency = strings.ToLower(value); value == "" {
			err = errors.New("consistency is empty")
		}
	case "tls":
		err = c.setTLS(value)
	case "tls-ca":
		err = secure(&c.TLS.CA)
	case "tls-cert":
		err = secure(&c.TLS.Cert)
	case "tls-key":
		err = secure(&c.TLS.Key)
	case "tls-name":
		err = secure(&c.TLS.Name)
	case "discovery":
		c.Given = value == "off"
		if value != "on" && value != "off" {
			err = fmt.Errorf("discovery %q: is on or off", value)
		}
	case "batch":
		var size units.Size
		size, err = units.ParseSize(value)
		c.Batch = int(min(size, MaxBatch+1))
		if err == nil && size == 0 {
			err = errors.New("batch is 0: must be 1KiB to 1MiB")
		}
	case "flight":
		if c.Flight, err = strconv.Atoi(value); err != nil || c.Flight == 0 {
			return fmt.Errorf("flight %q: must be 1 to %d", value, MaxFlight)
		}
	default:
		return fmt.Errorf("%s is no setting: there are dc, ttl, replication, consistency, tls, tls-ca, tls-cert, tls-key, tls-name, discovery, batch and flight", name)
	}
	if err != nil && !strings.HasPrefix(err.Error(), name) {
		return fmt.Errorf("%s: %w", name, err)
	}
	return err
}

func (c *Config) setTLS(value string) error {
	switch value {
	case "on":
		c.TLS.On = true
	case "unverified":
		c.TLS.On, c.TLS.Unverified = true, true
	case "off":
	default:
		return fmt.Errorf("tls %q: is on, off or unverified", value)
	}
	return nil
}

// parseReplication reads "3" or "{dc1:3,dc2:2}".
func parseReplication(text string) (Replication, error) {
	wrong := fmt.Errorf("replication %q: is a number such as 3, or a number for each data center such as {dc1:3,dc2:2}", text)
	if n, err := strconv.Atoi(text); err == nil {
		if n < 1 {
			return Replication{}, wrong
		}
		return Replication{Factor: n}, nil
	}
	inner, opened := strings.CutPrefix(text, "{")
	inner, closed := strings.CutSuffix(inner, "}")
	if !opened || !closed {
		return Replication{}, wrong
	}
	r := Replication{DCs: make(map[string]int)}
	for part := range strings.SplitSeq(inner, ",") {
		dc, number, _ := strings.Cut(part, ":")
		dc = strings.Trim(strings.TrimSpace(dc), `'"`)
		n, err := strconv.Atoi(strings.TrimSpace(number))
		if _, twice := r.DCs[dc]; err != nil || dc == "" || twice {
			return Replication{}, wrong
		}
		r.DCs[dc] = n
	}
	return r, nil
}

func withPort(host string) string {
	if _, _, err := net.SplitHostPort(host); err == nil || host == "" {
		return host
	}
	return net.JoinHostPort(strings.Trim(host, "[]"), defaultPort)
}

func checkHost(text string) error {
	host, port, err := net.SplitHostPort(text)
	if n, e := strconv.Atoi(port); err != nil || host == "" || e != nil || n < 1 || n > 65535 {
		return fmt.Errorf("host %q: is HOST:PORT, with an IPv6 address in brackets", text)
	}
	return nil
}

// keyspaceName tells whether a name needs no quotes.
func keyspaceName(text string) bool {
	for i := range len(text) {
		c := text[i]
		if (c < 'a' || c > 'z') && (i == 0 || (c < '0' || c > '9') && c != '_') {
			return false
		}
	}
	return text != "" && len(text) <= 48
}

// plainName tells whether a text may stand in a quoted CQL literal as it is.
func plainName(text string) bool {
	for _, c := range text {
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '_' && c != '-' && c != '.' {
			return false
		}
	}
	return text != ""
}
