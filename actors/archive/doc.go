// Package archive is the persistence actor: it writes what the journal holds into the archive, a database that keeps records when the
// journal has dropped them.
//
//	journal ──Announce──▶ news ──wake──▶ loop ──load──▶ writer × 8 ──Write──▶ archive
//	                    (bounded)        │  ▲            (read, open)            ▲
//	nodes, registers ──────plan──────────┘  └──result────┘                      │
//	                          desk: what is to be written     loop ──talk──▶ talker: Confirm, Confirmed
//	                                    └──pins──▶ the journal's retention
//
// What is to be written is what is held minus what is confirmed, of each (origin, epoch): the journal says the one, the archive itself
// the other. So what came late, or was filled in, is archived too, and a node that has forgotten everything goes on where the archive says.
// A batch is read from the journal when it is written, and waits nowhere in memory: who stores is never held up, and an
// archive that is away for a day costs what the runs of sequences take.
//
// The loop alone knows the desk, and decides; the writers read and write; the talker has one conversation about progress at a time, so that
// confirms are in order. All are goroutines of the actor, which waits for them. Of the pure parts desk, book and tally say what is to be written and how
// much that is, roster who archives which origin, gate when the archive is asked again, and alarm what people are told.
//
//	          take             acknowledged         Confirm
//	todo ──────────▶ flying ──────────▶ written ──────────▶ confirmed ──60 s, read back──▶ settled: the journal may drop it
//	 ▲  ▲              │ not written      │ archive away      │ not in what is read back
//	 │  └──────────────┴──────────────────┴───────────────────┘
//	held
//
// A lone database that is killed forgets what it acknowledged last. So whenever it was away, what was not confirmed before is written again, and
// the progress is read back; that is also done each half minute, while something is not settled. What it does not confirm any more is
// written again. Settled is what was read back a minute or more after it was confirmed, and no time alone makes it so: through an outage of any length
// the journal keeps the rest (Pinned). A journal that is full has it read back each three seconds, and twelve are enough: a database syncs its log each
// ten. Of what was confirmed in the minute before an outage the rows are written again whatever is read back, once:
// where there is one copy of a row, it may have been on another node than the progress.
//
// A batch that the archive refuses, and takes others, is tried again each minute. After five to ten minutes the journal does not keep it for that
// any more: it would keep all that comes after it, too, up to the disk budget, and then this node would take no records. Where retention drops it
// that is counted and told as lost.
//
// # Turns
//
// Origins take turns. Of each, the newest and the oldest batches are taken in turns, so that what is live does not wait for a
// backlog, and a backlog that holds up the journal's retention shrinks. At most 16 MiB of opened batches are in flight.
//
// # Who archives what
//
// A node with an archive archives its own origin. Every other is archived by its own node, where that is there and has the
// same archive; else by the first by rank of those nodes that are there and have it. A node that is missed is waited for, 10 s.
// One whose archive is refused for good counts as having none, and says so to the others, as long as there is another one. Which archive a node has goes by what the database says
// that it is, and until it has said that by how it is named.
// Two that archive the same write the same rows. What another one is to archive in the same place, and has not yet, the journal keeps while it uses
// less than 80 % of its budget: who reads here is not given a gap for what the archive has a little later.
//
// # Lag
//
// The lag counts records of batches that are not confirmed. Of those that were announced in this life their number is known, by blocks of 1,024
// batches; of others it is what a batch of this journal has on average. Before the archive has said once what it has, what was noted of that in the
// node's state tells what was behind at the start; without that only what came since counts.
package archive
