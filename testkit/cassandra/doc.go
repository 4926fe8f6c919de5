// Package cassandra runs a real Apache Cassandra on this machine, for tests and for people: of one node to three, that can be killed,
// paused and started again.
//
//	c, err := cassandra.Start(ctx, cassandra.Config{Nodes: 3})
//	defer c.Close()
//	session, err := c.Settings().CreateSession()
//	…
//	err = c.Node(1).Kill()
//	err = c.Node(1).Restart(ctx)
//
// A test of its own cluster takes ForTest, tests that share one take Shared.
//
// # What it takes
//
// Java 17 (or 11) and, the first time, Maven, which gets the server's jars (66 MB; pom.xml pins the version) into the user's cache
// directory, below anode/. Where one of these is missing, a Debian on which this is root gets its package with apt-get; elsewhere
// the error is ErrUnavailable, and says what to install. Processes that start at once install one after the other. There is no
// image and no service: a node is a child of the process that started it.
//
//	user's cache/anode/cassandra-5.0.5-<hash of pom.xml>/*.jar
//	Config.Dir/ports.json             of all nodes
//	          /node1/cassandra.yaml, logback.xml, log, data/, commitlog/, …
//	          /node2/…
//
// # How it ends
//
// Close waits for all nodes. On Linux nodes die with the process that started them, however it dies.
//
// # What it is not
//
// A node is set up to start fast (docs/cassandra.md tells how, and what it takes): it compiles less than in production, unless
// Config.Steady. Its commit log, memory tables, timeouts and thresholds are Cassandra's defaults.
package cassandra
