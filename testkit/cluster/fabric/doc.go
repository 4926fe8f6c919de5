// Package fabric is a network in memory: streams and datagrams between machines, each with an address of its own, as
// anode/actors/gossip wants its mesh port (gossip.Network).
//
//	            ┌───────────── Fabric: machines, names, ways, streams ─────────────┐
//	Port ─────▶ │ WriteTo    ──▶ way a→b: delay, loss, cut? ──▶ queue of b ──▶     │ ReadFrom ─────▶ Port
//	            │ DialStream ──▶ SYN over a→b and b→a       ──▶ backlog of b ──▶   │ AcceptStream ─▶
//	net.Conn ─▶ │ Write ──▶ window ──▶ way a→b: delay, sent again, stuck? ──▶ Read │ ─────────────▶ net.Conn
//	            └──────────────────────────────────────────────────────────────────┘
//
// # What it is true to
//
//   - A way has a direction: one can be cut and the way back not. Delay and loss are those of a way, drawn from the seed.
//   - A datagram takes the delay of its way, is lost by chance, in a cut, and where 256 wait for their reader.
//   - A stream keeps its order. It has a window: who writes more than the other end reads waits. What is lost is sent again
//     after 200 ms, 400 ms and so on, and what comes behind waits for it. In a cut nothing comes and nothing fails, as
//     TCP says nothing of it for minutes; what was written comes some time after the cut has healed, when it is sent again. Where
//     only the way back is cut, a window's worth arrives.
//   - CloseWrite ends one direction. Close ends both, and resets the stream where something came that nobody read,
//     or comes later.
//   - Port.Kill is the death of a process: all its streams are reset, what they had under way is lost. In a cut the
//     other end hears of it after that has healed.
//   - Who calls a machine without a port is refused after a round trip; an address where no machine is does not answer.
//
// What it leaves out: bandwidth, and that acknowledgements and changes of the window take time.
//
// # Time and concurrency
//
// All that waits waits on channels and timers, so that a Fabric of a testing/synctest bubble lives in virtual time; outside of
// one its delays are real. It starts no goroutine that waits: a datagram under way is a timer. All is safe for concurrent use. What is
// drawn is drawn from a generator a way, seeded by Config.Seed and the two addresses; in what order goroutines come to draw
// is Go's.
package fabric
