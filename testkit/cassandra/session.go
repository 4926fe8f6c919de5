package cassandra

import (
	"context"
	"crypto/tls"
	"fmt"
	"strings"
	"time"

	"github.com/gocql/gocql"
)

// firstUser is the superuser that Cassandra makes by itself, with its name as its password.
const firstUser = "cassandra"

// silent keeps gocql from logging what the errors of a node that starts say anyway.
type silent struct{}

func (silent) Print(...any)          {}
func (silent) Printf(string, ...any) {}
func (silent) Println(...any)        {}

// Settings are those of a gocql session with the cluster, without a keyspace; each caller gets its own.
func (c *Cluster) Settings() *gocql.ClusterConfig {
	return c.settings(c.Hosts(), c.cfg.User, c.cfg.Password)
}

func (c *Cluster) settings(hosts []string, user, password string) *gocql.ClusterConfig {
	s := gocql.NewCluster(hosts...)
	s.Port = c.ports.Native
	s.ProtoVersion = 4
	s.Logger = silent{}
	if user != "" {
		s.Authenticator = gocql.PasswordAuthenticator{Username: user, Password: password}
	}
	if c.authority != nil {
		s.SslOpts = &gocql.SslOptions{Config: &tls.Config{RootCAs: c.authority, MinVersion: tls.VersionTLS12}, EnableHostVerification: true}
	}
	return s
}

// probeTimeout bounds one question of a probe.
const probeTimeout = 5 * time.Second

// only is a session with one node and no other.
func (c *Cluster) only(n *Node, user, password string) (*gocql.Session, error) {
	s := c.settings([]string{n.Host()}, user, password)
	s.DisableInitialHostLookup = true
	s.NumConns = 1
	s.Timeout, s.ConnectTimeout = probeTimeout, probeTimeout
	return s.CreateSession()
}

// whole is a question that all nodes of a cluster answer together, as Cassandra keeps that table on three.
const whole = "SELECT view_name FROM system_distributed.view_build_status LIMIT 1"

// ask asks a node whole, of as many nodes as say so.
func ask(ctx context.Context, session *gocql.Session, answers int) error {
	level := map[int]gocql.Consistency{1: gocql.One, 2: gocql.Two, 3: gocql.Three}[answers]
	return session.Query(whole).WithContext(ctx).Consistency(level).Iter().Close()
}

// probe tells whether a node answers, together with as many as say so.
func (c *Cluster) probe(ctx context.Context, n *Node, answers int) error {
	session, err := c.only(n, c.cfg.User, c.cfg.Password)
	if err != nil {
		return err
	}
	defer session.Close()
	return ask(ctx, session, answers)
}

// makeUser makes the configured superuser in a cluster that has none. Roles are kept on all nodes then: Cassandra itself keeps them on one, and
// who logs in needs it.
func (c *Cluster) makeUser(ctx context.Context, n *Node) error {
	if session, err := c.only(n, c.cfg.User, c.cfg.Password); err == nil {
		session.Close()
		return nil
	}
	session, err := c.only(n, firstUser, firstUser)
	if err != nil {
		return err
	}
	defer session.Close()
	if err := ask(ctx, session, c.cfg.Nodes); err != nil {
		return err
	}
	for _, statement := range []string{
		fmt.Sprintf("ALTER KEYSPACE system_auth WITH replication = {'class': 'SimpleStrategy', 'replication_factor': %d}", c.cfg.Nodes),
		fmt.Sprintf("CREATE ROLE IF NOT EXISTS %s WITH SUPERUSER = true AND LOGIN = true AND PASSWORD = '%s'",
			c.cfg.User, strings.ReplaceAll(c.cfg.Password, "'", "''")),
	} {
		if err := session.Query(statement).WithContext(ctx).Exec(); err != nil {
			return fmt.Errorf("make the user %s: %w", c.cfg.User, err)
		}
	}
	return nil
}
