package cassandra

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/gocql/gocql"
)

const (
	// requestTimeout is above the servers' own time-outs (2 s for writes, 5 s for reads, 10 s for ranges).
	requestTimeout = 10 * time.Second
	// connectTimeout bounds each step of a connection's beginning.
	connectTimeout = 5 * time.Second
	// reconnectEvery is how often gocql tries nodes that are down.
	reconnectEvery = time.Second
	// agreeWithin is how long a change of the schema waits for all nodes to know it; one that is down never does.
	agreeWithin = 10 * time.Second
	// connections are how many go to each node.
	connections = 2
)

// cluster is how gocql is told of the servers.
func (a *Archive) cluster(d *dialer, keyspace string) (*gocql.ClusterConfig, error) {
	hosts, port := a.cfg.Hosts, defaultPort
	if _, p, err := net.SplitHostPort(hosts[0]); err == nil {
		port = p // nodes that are found by asking are taken to have the port of the first
	}
	c := gocql.NewCluster(hosts...)
	c.Port, _ = strconv.Atoi(port)
	c.ProtoVersion = 4
	c.Keyspace = keyspace
	c.Timeout, c.ConnectTimeout, c.WriteTimeout = requestTimeout, connectTimeout, requestTimeout
	c.NumConns = connections
	c.Consistency, c.SerialConsistency = a.careful(), gocql.Serial // how a day is cut is decided by all data centers together
	c.DefaultTimestamp = false                                     // of this machine's clock; rows have their own, or the servers'
	c.DefaultIdempotence = true
	c.DisableInitialHostLookup = a.cfg.Given
	c.ReconnectInterval = reconnectEvery
	c.ReconnectionPolicy = &gocql.ConstantReconnectionPolicy{MaxRetries: 1, Interval: 10 * time.Millisecond} // it is slept after the last try too, beyond Close
	c.MaxWaitSchemaAgreement = agreeWithin
	c.PoolConfig.HostSelectionPolicy = a.hosts()
	c.Dialer = d
	c.Logger = logger{a.log}
	c.ConnectObserver = arrivals{&a.generation}
	tlsConfig, err := a.cfg.TLS.config()
	if err != nil {
		return nil, err
	}
	if tlsConfig != nil {
		c.SslOpts = &gocql.SslOptions{Config: tlsConfig, EnableHostVerification: !tlsConfig.InsecureSkipVerify}
	}
	if a.cfg.Credentials != "" {
		c.AuthProvider = a.authenticator
	}
	return c, nil
}

// authenticator reads the credentials anew, so that an operator may mend them.
func (a *Archive) authenticator(*gocql.HostInfo) (gocql.Authenticator, error) {
	c, err := readCredentials(a.cfg.Credentials)
	if err != nil {
		return nil, err
	}
	return gocql.PasswordAuthenticator{Username: c.user, Password: c.password}, nil
}

func (a *Archive) hosts() gocql.HostSelectionPolicy {
	if a.cfg.DC == "" {
		return gocql.TokenAwareHostPolicy(gocql.RoundRobinHostPolicy())
	}
	return gocql.TokenAwareHostPolicy(gocql.DCAwareRoundRobinPolicy(a.cfg.DC))
}

// careful is the consistency of all but the records: what two have written and read of a small table they see of each other.
func (a *Archive) careful() gocql.Consistency {
	if a.cfg.Consistency == "local_quorum" || a.cfg.Consistency == "one" && a.cfg.DC != "" {
		return gocql.LocalQuorum
	}
	return gocql.Quorum
}

// ofRecords is the consistency of writing and reading records.
func (a *Archive) ofRecords() gocql.Consistency {
	if a.cfg.Consistency == "one" {
		return gocql.One
	}
	return a.careful()
}

// config reads the files; nil is no encryption.
func (t *TLS) config() (*tls.Config, error) {
	if !t.On {
		return nil, nil
	}
	c := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: t.Name, InsecureSkipVerify: t.Unverified}
	if t.CA != "" {
		pem, err := os.ReadFile(t.CA)
		if err != nil {
			return nil, fmt.Errorf("tls-ca: %w", err)
		}
		if c.RootCAs = x509.NewCertPool(); !c.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("tls-ca: %s has no certificate in PEM", t.CA)
		}
	}
	if t.Cert != "" {
		pair, err := tls.LoadX509KeyPair(t.Cert, t.Key)
		if err != nil {
			return nil, fmt.Errorf("tls-cert: %w", err)
		}
		c.Certificates = []tls.Certificate{pair}
	}
	return c, nil
}

// makeKeyspace creates the keyspace where it is missing, and looks at the data centers.
func (a *Archive) makeKeyspace(ctx context.Context, session *gocql.Session) error {
	dcs, err := dataCenters(ctx, session)
	if err != nil {
		return err
	}
	if a.cfg.DC != "" && dcs[a.cfg.DC] == 0 {
		return fmt.Errorf("no node is in data center %q: there are %v", a.cfg.DC, dcs)
	}
	want := a.cfg.Replication.options(a.cfg.DC, dcs)
	has := make(map[string]string)
	err = session.Query(`SELECT replication FROM system_schema.keyspaces WHERE keyspace_name = ?`, a.cfg.Keyspace).WithContext(ctx).Scan(&has)
	switch {
	case errors.Is(err, gocql.ErrNotFound):
		err := session.Query(fmt.Sprintf(`CREATE KEYSPACE IF NOT EXISTS %s WITH replication = %s`, a.cfg.Keyspace, want)).WithContext(ctx).Exec()
		if err == nil {
			a.log.Info("the archive's keyspace was made", "keyspace", a.cfg.Keyspace, "replication", want)
		}
		return err
	case err != nil:
		return err
	case a.cfg.Replication.set() && !a.cfg.Replication.is(has, a.cfg.DC):
		a.log.Warn("the archive's keyspace has another replication, which is left as it is", "keyspace", a.cfg.Keyspace, "has", fmt.Sprint(has), "set", want)
	}
	return nil
}

// dataCenters counts the nodes in each.
func dataCenters(ctx context.Context, session *gocql.Session) (map[string]int, error) {
	return countByCenter(func(table string) (nodes map[gocql.UUID]string, by string, err error) {
		nodes = make(map[gocql.UUID]string)
		rows := session.Query(`SELECT host_id, data_center FROM ` + table).WithContext(ctx).Consistency(gocql.One).Iter()
		var (
			id gocql.UUID
			dc string
		)
		for rows.Scan(&id, &dc) {
			nodes[id] = dc
		}
		if host := rows.Host(); host != nil {
			by = host.HostID()
		}
		return nodes, by, rows.Close()
	})
}

// countByCenter counts the nodes in each data center, of what tables say to ask, which gives also who answered: each question may be answered
// by another node. A node is none of its own peers, so it is asked until two have named their peers, or one its peers and itself.
func countByCenter(ask func(table string) (nodes map[gocql.UUID]string, by string, err error)) (map[string]int, error) {
	const rounds = 5 // one is enough where nodes are asked in turns
	all := make(map[gocql.UUID]string)
	named := make(map[string]bool) // who has named its peers
	for round, whole := 0, false; round < rounds && !whole; round++ {
		for _, table := range []string{"system.peers", "system.peers", "system.local"} {
			nodes, by, err := ask(table)
			if err != nil {
				return nil, err
			}
			maps.Copy(all, nodes)
			whole = whole || named[by] && table == "system.local"
			if table == "system.peers" {
				named[by] = true
			}
			whole = whole || len(named) > 1
		}
	}
	dcs := make(map[string]int)
	for _, dc := range all {
		if dc != "" { // what is left of a node that has gone
			dcs[dc]++
		}
	}
	return dcs, nil
}

func (r *Replication) set() bool { return r.Factor > 0 || len(r.DCs) > 0 }

// options is the CQL of it, given the nodes of each data center.
func (r *Replication) options(dc string, nodes map[string]int) string {
	var b strings.Builder
	b.WriteString(`{'class': 'NetworkTopologyStrategy'`)
	factor := r.Factor
	switch {
	case len(r.DCs) > 0:
		for _, name := range sortedKeys(r.DCs) {
			fmt.Fprintf(&b, `, '%s': %d`, name, r.DCs[name])
		}
	case dc != "":
		if factor == 0 {
			factor = min(3, nodes[dc])
		}
		fmt.Fprintf(&b, `, '%s': %d`, dc, factor)
	default:
		for _, name := range sortedKeys(nodes) {
			n := factor
			if n == 0 {
				n = min(3, nodes[name])
			}
			fmt.Fprintf(&b, `, '%s': %d`, name, n)
		}
	}
	b.WriteString(`}`)
	return b.String()
}

// is tells whether what a keyspace has is what was set.
func (r *Replication) is(has map[string]string, dc string) bool {
	number := func(name string) int {
		n, _ := strconv.Atoi(has[name])
		return n
	}
	if len(r.DCs) > 0 {
		for name, n := range r.DCs {
			if number(name) != n {
				return false
			}
		}
		return true
	}
	if dc != "" && has[dc] != "" {
		return number(dc) == r.Factor
	}
	for name := range has {
		if name != "class" && number(name) != r.Factor {
			return false
		}
	}
	return true
}

// logger is gocql's way to the log.
type logger struct{ log *slog.Logger }

func (l logger) Print(v ...any)                 { l.say(fmt.Sprint(v...)) }
func (l logger) Printf(format string, v ...any) { l.say(fmt.Sprintf(format, v...)) }
func (l logger) Println(v ...any)               { l.say(fmt.Sprintln(v...)) }

func (l logger) say(text string) {
	if aboutPassword(text) {
		text = errPassword.Error() // a server's own words have the user's name
	}
	l.log.Debug("gocql", "says", strings.TrimSpace(text))
}

var errPassword = errors.New("user and password are refused")

// aboutPassword tells whether a text is of who may come in.
func aboutPassword(text string) bool { return strings.Contains(strings.ToLower(text), "password") }
