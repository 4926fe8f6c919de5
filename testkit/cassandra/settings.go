package cassandra

import (
	"fmt"
	"maps"
	"math/big"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// logback has a node log to its standard output, which is the file of Node.Log.
const logback = `<configuration>
  <appender name="OUT" class="ch.qos.logback.core.ConsoleAppender">
    <encoder><pattern>%-5level [%thread] %date{ISO8601} %F:%L - %msg%n</pattern></encoder>
  </appender>
  <root level="INFO"><appender-ref ref="OUT"/></root>
</configuration>
`

// write puts what a node reads at its start into its folder.
func (c Config) write(index int, p ports) error {
	at := c.place(index)
	if err := os.MkdirAll(string(at), 0o700); err != nil {
		return err
	}
	if err := os.WriteFile(at.logback(), []byte(logback), 0o600); err != nil {
		return err
	}
	return os.WriteFile(at.yaml(), []byte(c.yaml(index, p)), 0o600)
}

// yaml is a node's cassandra.yaml.
func (c Config) yaml(index int, p ports) string {
	at := c.place(index)
	values := make(map[string]string)
	set := func(key, value string) { values[key] = value }
	set("cluster_name", "anode")
	set("num_tokens", "1")
	set("initial_token", token(index, c.Nodes))
	set("partitioner", "org.apache.cassandra.dht.Murmur3Partitioner")
	set("endpoint_snitch", "SimpleSnitch")
	set("seed_provider", fmt.Sprintf("[{class_name: org.apache.cassandra.locator.SimpleSeedProvider, parameters: [{seeds: %q}]}]", c.seeds(p)))
	set("listen_address", host(index))
	set("rpc_address", host(index))
	set("storage_port", fmt.Sprint(p.Storage))
	set("ssl_storage_port", fmt.Sprint(p.StorageTLS))
	set("native_transport_port", fmt.Sprint(p.Native))
	set("start_native_transport", "true")
	set("data_file_directories", fmt.Sprintf("[%q]", at.sub("data")))
	set("commitlog_directory", quote(at.sub("commitlog")))
	set("saved_caches_directory", quote(at.sub("caches")))
	set("hints_directory", quote(at.sub("hints")))
	set("cdc_raw_directory", quote(at.sub("cdc")))
	set("auto_snapshot", "false")
	set("commitlog_sync", c.CommitlogSync)
	if c.CommitlogSync == periodic {
		set("commitlog_sync_period", "10000ms")
	}
	if c.User != "" {
		set("authenticator", "PasswordAuthenticator")
		set("authorizer", "CassandraAuthorizer")
		set("role_manager", "CassandraRoleManager")
	}
	if c.TLS {
		set("client_encryption_options", fmt.Sprintf(
			"{enabled: true, optional: false, require_client_auth: false, keystore: %q, truststore: %q, "+
				"ssl_context_factory: {class_name: org.apache.cassandra.security.PEMBasedSslContextFactory}}",
			c.keyFile(), c.authorityFile()))
	}
	maps.Copy(values, c.Settings)
	var b strings.Builder
	for _, key := range slices.Sorted(maps.Keys(values)) {
		fmt.Fprintf(&b, "%s: %s\n", key, values[key])
	}
	return b.String()
}

func quote(path string) string { return fmt.Sprintf("%q", path) }

func (c Config) keyFile() string       { return filepath.Join(c.Dir, "node.pem") }
func (c Config) authorityFile() string { return filepath.Join(c.Dir, "authority.pem") }

// seeds are all nodes: none has to wait for another, or to stream from one, when all start at once.
func (c Config) seeds(p ports) string {
	var list []string
	for i := range c.Nodes {
		list = append(list, fmt.Sprintf("%s:%d", host(i), p.Storage))
	}
	return strings.Join(list, ",")
}

// token cuts the ring of 2^64 tokens, which begins at -2^63, into equal parts.
func token(index, nodes int) string {
	t := new(big.Int).Lsh(big.NewInt(int64(index)), 64)
	t.Div(t, big.NewInt(int64(nodes)))
	return t.Sub(t, new(big.Int).Lsh(big.NewInt(1), 63)).String()
}
