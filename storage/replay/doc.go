// Package replay reads the line of an origin by position out of an archive: what subscriptions ask for and the journal has
// not any more.
//
//	Archived (of each epoch) ──draw──▶ chart: a messages.Line of what is there for some patterns
//	                                     │ the reading rule
//	                ┌── a run is there ──┴── something is absent ──┐
//	                ▼                                              ▼
//	   window: scans of all streams ──▶ Part{Batches, At}      Part{Gap, At}
//
// A sequence is there where all that the patterns match is: for each pattern one archiver noted it whose Streams cover the
// pattern. What --archive-streams leaves out is thus absent for who asks for it, together with all that stands there of other
// patterns: a gap names positions, and nothing of it is given.
//
// What is absent is named with a reason: retention where a TTL took it or --archive-streams left it out, and else the reason for
// which the journal lacks it, or missing. A gap is only made of what the archive said after the question came: what the
// journal dropped meanwhile was confirmed before.
//
// # Windows
//
// A run may be a year of ten thousand streams. It is read in windows: of each matching stream a scan, several at a time, from
// the time of where the reader is up to some time later. Readings grow with positions within an epoch, so what was received up to
// a time is all up to a place. A window has a budget of bytes: what is above it is let go of, highest positions first, and the
// window ends there. It grows and shrinks with how long it takes, but for what the number of scans takes. So a window costs a scan a stream, and holds the budget twice
// at most, however many streams and records there are. A batch may be cut by it; the place between is a true one.
//
// # When the archive is away
//
// Whatever fails is asked again by who needs it, later. Until then, where the archive is away, all is refused at once, with the error: one
// caller a pause asks the archive. What fails otherwise is of one question: others are asked.
//
// A Replay is safe for concurrent use, a Walk is one reader's.
package replay
