package bench

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"anode/messages"
	"anode/messages/wire"
	"anode/storage"
	segments "anode/storage/journal"
	"anode/storage/state"
)

// journalBench writes a journal and reads it back, without a node around it.
type journalBench struct {
	output, dir, durability string
	length                  time.Duration
	batch, size, streams    int
}

func newJournal() *cobra.Command {
	j := &journalBench{}
	cmd := &cobra.Command{
		Use: "journal", Short: "write a journal and read it back, without a node around it",
		Long: `Append batches to a journal on this disk, and read them all back by the reading rule. With sync each batch is
followed by an fsync, which is the worst case: a node shares one among all that came meanwhile.`,
		Args: cobra.NoArgs,
	}
	flags := cmd.Flags()
	flags.StringVarP(&j.output, "output", "o", "table", "`FORMAT`: table or json")
	flags.StringVar(&j.dir, "dir", "", "write below this `DIR`ectory (default: the system's for temporary files)")
	flags.StringVar(&j.durability, "durability", "sync", "what follows each batch: sync or none")
	flags.DurationVar(&j.length, "for", 5*time.Second, "how long to write")
	flags.IntVar(&j.batch, "batch", 16, "records of a batch")
	flags.IntVar(&j.size, "size", 256, "bytes of a record's data")
	flags.IntVar(&j.streams, "streams", 10, "how many streams")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if err := j.check(); err != nil {
			return err
		}
		results, err := j.run(cmd.Context(), newProgress(cmd.ErrOrStderr()))
		if err != nil {
			return err
		}
		return report(cmd.OutOrStdout(), j.output, results)
	}
	return cmd
}

func (j *journalBench) check() error {
	c := common{output: j.output, length: j.length}
	err := errors.Join(c.check(), between("batch", j.batch, 1, messages.MaxBatchRecords), between("size", j.size, leastSize, 1<<20), between("streams", j.streams, 1, 1000))
	if j.durability != "sync" && j.durability != "none" {
		err = errors.Join(err, fmt.Errorf("--durability %s: sync and none are known", j.durability))
	}
	if j.batch > 1 && j.batch*j.size > messages.MaxBatchBytes {
		err = errors.Join(err, fmt.Errorf("%d records of %d bytes: a batch of several has at most %d bytes", j.batch, j.size, messages.MaxBatchBytes))
	}
	return err
}

func (j *journalBench) run(ctx context.Context, p progress) (results []result, err error) {
	defer p.clear()
	dir, err := os.MkdirTemp(j.dir, "anode-bench-")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	store, err := state.Open(filepath.Join(dir, "state.db"))
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	journal, err := segments.Open(segments.Config{Dir: filepath.Join(dir, "journal"), State: store, Self: "bench"})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, journal.Close()) }()
	wrote, records, err := j.write(ctx, p, journal)
	if err != nil {
		return nil, err
	}
	read, err := j.read(ctx, p, journal, records)
	return []result{wrote, read}, err
}

// write appends batch after batch.
func (j *journalBench) write(ctx context.Context, p progress, journal storage.Journal) (result, int, error) {
	var times latencies
	sealer := wire.NewSealer(wire.S2)
	place := wire.Place{BatchID: messages.BatchID{Origin: "bench", Epoch: 1}}
	began, records, bytes := time.Now(), 0, 0
	for time.Since(began) < j.length {
		if ctx.Err() != nil {
			return result{}, 0, context.Cause(ctx)
		}
		now := time.Now()
		place.Sequence++
		place.First = max(messages.HLCFromMillis(now.UnixMilli()), place.First)
		sealed, _, _, err := sealer.Seal(place, j.drafts(now))
		if err != nil {
			return result{}, 0, err
		}
		start := time.Now()
		if _, err := journal.Append(storage.Own, []wire.Sealed{sealed}); err != nil {
			return result{}, 0, err
		}
		if j.durability == "sync" {
			if err := journal.Sync(); err != nil {
				return result{}, 0, err
			}
		}
		times.add([]time.Duration{time.Since(start)})
		place.Previous, place.First = sealed.HeaderHash(), sealed.Last+1
		records, bytes = records+j.batch, bytes+len(sealed.Bytes())
		if place.Sequence%1000 == 0 {
			p.say("wrote %d records", records)
		}
	}
	span := time.Since(began).Seconds()
	r := result{name: "append, " + j.durability}
	r.add("records", "/s", float64(records)/span)
	r.add("disk", "MB/s", float64(bytes)/1e6/span)
	r.addLatency(&times)
	return r, records, nil
}

func (j *journalBench) drafts(now time.Time) []messages.Draft {
	list := make([]messages.Draft, j.batch)
	for i := range list {
		list[i] = messages.Draft{Stream: messages.Stream(fmt.Sprintf("bench.journal.s%d", i%j.streams)), Payload: data(nil, j.size, now.Add(time.Duration(i)))}
	}
	return list
}

// read walks it from the beginning.
func (j *journalBench) read(ctx context.Context, p progress, journal storage.Journal, want int) (result, error) {
	var times latencies
	began, records, bytes := time.Now(), 0, 0
	at := messages.Position{Origin: "bench"}
	for {
		if ctx.Err() != nil {
			return result{}, context.Cause(ctx)
		}
		start := time.Now()
		step := journal.Next(at)
		if step.Kind != messages.StepBatch {
			break
		}
		sealed, err := journal.Read(step.Batch)
		if err != nil {
			return result{}, err
		}
		b, err := sealed.Open()
		if err != nil {
			return result{}, err
		}
		times.add([]time.Duration{time.Since(start)})
		records, bytes = records+int(b.Count), bytes+len(sealed.Bytes())
		at = b.Position().BatchEnd()
		if b.Sequence%1000 == 0 {
			p.say("read %d of %d records", records, want)
		}
	}
	if records != want {
		return result{}, fmt.Errorf("%d records were read of %d that were written", records, want)
	}
	span := time.Since(began).Seconds()
	r := result{name: "read"}
	r.add("records", "/s", float64(records)/span)
	r.add("disk", "MB/s", float64(bytes)/1e6/span)
	r.addLatency(&times)
	return r, nil
}
