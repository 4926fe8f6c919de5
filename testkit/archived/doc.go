// Package archived shows that the archive keeps its promises: with nodes that are processes, and a real Cassandra, by tests alone.
//
//	ledger ── publishes ──▶ anode … ──▶ (door) ──▶ Cassandra
//	   │                      │                        │
//	   │                      ▼                        ▼
//	   └──── is equal to ── readers, history ──── rows, by CQL
//
// The ledger knows what was acknowledged, record by record. Rows are read with CQL, of the tables that docs/archive.md tells of and
// without storage/cassandra; readers speak the protocol by themselves: a mistake of the program's parts is not made here too. A door lies before
// Cassandra and can be shut for one test, where others use the same server; tests that kill or stop a server have one of their own.
//
// Tests mostly wait, and for different things: all of them run at once, of the long ones three. ANODE_LONG=1 runs them at full length; ANODE_CASSANDRA is of
// docs/cassandra.md.
package archived
