package cassandra

import (
	"cmp"
	"slices"

	"anode/messages"
)

// chunk is what goes in one request: rows of one partition.
type chunk struct {
	partition
	records []*messages.Record
	// bytes is about what they take in the request, text what an encoder needs.
	bytes, text int
}

// group sorts the records of batches into chunks of at most limit bytes and maxRows rows; a record above the limit is one alone.
// widths tells how a day of a stream of an origin is cut.
func group(batches []*messages.Batch, takes messages.Pattern, widths func(streamDay) width, limit, maxRows int) []chunk {
	type open struct{ at int } // index of the partition's last chunk
	var chunks []chunk
	last := make(map[partition]open)
	for _, b := range batches {
		for g := range b.Groups {
			stream := b.Groups[g].Stream
			if !takes.Match(stream) {
				continue
			}
			key, at := partition{stream: stream, origin: b.Origin}, -1
			var until int64 // the ms at which the bucket in hand ends
			for i := range b.Groups[g].Records {
				r := &b.Groups[g].Records[i]
				if ms := r.HLC.Millis(); at < 0 || ms >= until || ms < key.bucket {
					w := widths(streamDay{stream, b.Origin, dayOf(ms)})
					key.bucket = w.bucket(ms)
					until = key.bucket + int64(w)
					at = -1
					if o, ok := last[key]; ok {
						at = o.at
					}
				}
				size := rowSize(r)
				if at < 0 || chunks[at].bytes+size > limit || len(chunks[at].records) >= maxRows {
					chunks = append(chunks, chunk{partition: key})
					at = len(chunks) - 1
					last[key] = open{at}
				}
				c := &chunks[at]
				c.records = append(c.records, r)
				c.bytes += size
				c.text += textSize(r)
			}
		}
	}
	return chunks
}

// split cuts a chunk in halves.
func (c *chunk) split() (a, b chunk) {
	half := len(c.records) / 2
	for _, part := range []struct {
		to      *chunk
		records []*messages.Record
	}{{&a, c.records[:half]}, {&b, c.records[half:]}} {
		part.to.partition, part.to.records = c.partition, part.records
		for _, r := range part.records {
			part.to.bytes += rowSize(r)
			part.to.text += textSize(r)
		}
	}
	return a, b
}

// partitions are those of chunks, each once.
func partitions(chunks []chunk) []partition {
	seen := make(map[partition]bool, len(chunks))
	var list []partition
	for i := range chunks {
		if p := chunks[i].partition; !seen[p] {
			seen[p] = true
			list = append(list, p)
		}
	}
	return list
}

// streamDay is a day of a stream of an origin.
type streamDay struct {
	stream messages.Stream
	origin messages.NodeID
	day    day
}

// sight is what batches show of a stream of an origin.
type sight struct {
	bytes       int64
	first, last int64 // ms
}

func (s sight) with(o sight) sight {
	if s.bytes == 0 {
		return o
	}
	return sight{s.bytes + o.bytes, min(s.first, o.first), max(s.last, o.last)}
}

// look tells which days are in batches, and what is seen of each stream of an origin.
func look(batches []*messages.Batch, takes messages.Pattern) ([]streamDay, map[line]sight) {
	days, lines := make(map[streamDay]bool), make(map[line]sight)
	for _, b := range batches {
		for g := range b.Groups {
			stream, records := b.Groups[g].Stream, b.Groups[g].Records
			if len(records) == 0 || !takes.Match(stream) {
				continue
			}
			seen := sight{first: records[0].HLC.Millis(), last: records[len(records)-1].HLC.Millis()}
			for d := dayOf(seen.first); d <= dayOf(seen.last); d++ {
				days[streamDay{stream, b.Origin, d}] = true
			}
			for i := range records {
				seen.bytes += int64(rowSize(&records[i]))
			}
			l := line{stream, b.Origin}
			lines[l] = lines[l].with(seen)
		}
	}
	list := make([]streamDay, 0, len(days))
	for d := range days {
		list = append(list, d)
	}
	slices.SortFunc(list, func(a, b streamDay) int {
		return cmp.Or(cmp.Compare(a.day, b.day), cmp.Compare(a.stream, b.stream), cmp.Compare(a.origin, b.origin))
	})
	return list, lines
}

// line is a stream of an origin.
type line struct {
	stream messages.Stream
	origin messages.NodeID
}
