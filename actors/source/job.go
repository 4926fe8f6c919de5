package source

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"time"

	"anode/actors/source/transform"
	"anode/messages"
	"anode/messages/command"
	"anode/messages/spec"
	"anode/storage"
)

// job is a compiled spec and what it keeps between connections. Its pipeline belongs to the goroutine
// of the connection.
type job struct {
	cfg       *Config
	spec      *spec.Spec
	pipeline  *transform.Pipeline
	connector Connector
	window    window
	hidden    hidden
	// reports bounds the records on $errors.
	reports *bucket
	// sends bounds what the feed is sent.
	sends *bucket
	// restored tells that the window of deduplication was rebuilt.
	restored bool
	// refused tells that the journal did not take what the last connection brought.
	refused bool
}

// A source sends its feed so many messages at once, then so many a second.
const sendsAtOnce, sendsASecond = 100, 50

// newJob compiles a spec; its faults come as spec.Faults.
func newJob(cfg *Config, s *spec.Spec) (*job, error) {
	kind := cfg.Kinds[s.Kind]
	if kind == nil {
		return nil, spec.Faults{{Path: "/kind", Message: fmt.Sprintf("%q is not supported by this version", s.Kind)}}
	}
	j := &job{cfg: cfg, spec: s, reports: newBucket(errorsASecond, errorsASecond), sends: newBucket(sendsAtOnce, sendsASecond)}
	var faults spec.Faults
	collect := func(err error) error {
		var some spec.Faults
		if errors.As(err, &some) {
			faults = append(faults, some...)
			return nil
		}
		return err
	}
	var err error
	j.pipeline, err = transform.New(transform.Config{Spec: s, Language: cfg.Language, Clock: cfg.Clock})
	if err = collect(err); err != nil {
		return nil, err
	}
	j.connector, err = kind(Setup{
		Spec: s, Language: cfg.Language, Guard: cfg.Guard, Clock: cfg.Clock, Logger: cfg.Logger.With("source", s.Name),
	})
	if err = collect(err); err != nil {
		return nil, err
	}
	if len(faults) > 0 {
		if j.connector != nil {
			j.connector.Close()
		}
		return nil, faults
	}
	return j, nil
}

// settlePatience is how long an ended connection waits for the journal.
const settlePatience = 5 * time.Second

// run makes one connection, and returns when it is over and what it brought is in the journal.
func (j *job) run(ctx context.Context, line *Line) error {
	if !j.restored {
		if err := j.restore(ctx); err != nil {
			return err
		}
		j.restored = true
	}
	if err := j.room(); err != nil {
		return err
	}
	j.pipeline.Reset()
	err := j.connector.Run(ctx, line)
	patience, cancel := context.WithTimeout(context.WithoutCancel(ctx), settlePatience)
	defer cancel()
	if settled := line.Settle(patience); storageFailed(settled) {
		err = settled
	}
	line.end()
	j.refused = storageFailed(err)
	return err
}

// room tells, after the journal refused records, whether it takes some again: no feed is asked for
// what has no place.
func (j *job) room() error {
	if !j.refused {
		return nil
	}
	switch stats := j.cfg.Journal.Stats(); {
	case stats.Full != "":
		return fmt.Errorf("the journal does not take records: %w: %s", command.ErrStorageFull, stats.Full)
	case stats.Refused != "":
		return fmt.Errorf("the journal does not take records: %w: %s", command.ErrUnavailable, stats.Refused)
	}
	return nil
}

// restore fills the window of deduplication from the journal.
func (j *job) restore(ctx context.Context) error {
	dedupe := j.pipeline.Dedupe()
	since, needed := dedupe.Horizon(j.cfg.Clock())
	if !needed {
		return nil
	}
	if !dedupe.NativeIDs() {
		return j.restoreDrafts(ctx, dedupe, since)
	}
	var known []storage.IdentityAt
	for at, err := range j.cfg.Journal.Identities(since, &j.spec.Name) {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err != nil {
			j.cfg.Logger.Warn("some of what was collected before can't be read; it may come twice", "source", j.spec.Name, "error", err)
			continue
		}
		known = append(known, at)
	}
	slices.SortFunc(known, func(a, b storage.IdentityAt) int { return cmp.Compare(a.Ms, b.Ms) })
	for _, at := range known {
		dedupe.Restore(at.Identity, at.Ms)
	}
	return nil
}

// restoreDrafts reads the records of the source's streams.
func (j *job) restoreDrafts(ctx context.Context, dedupe *transform.Dedupe, since int64) error {
	for _, info := range j.cfg.Journal.Streams(streamsOf(j.spec.Stream)) {
		if info.Last < since {
			continue
		}
		for record, err := range j.records(info.Stream, since) {
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			if err != nil {
				j.cfg.Logger.Warn("some of what was collected before can't be read; it may come twice", "source", j.spec.Name, "stream", info.Stream, "error", err)
				continue
			}
			if ms := record.HLC.Millis(); ms >= since && record.Source == j.spec.Name {
				dedupe.RestoreDraft(&record.Draft, ms)
			}
		}
	}
	return nil
}

// records reads a stream, origin by origin, each in order.
func (j *job) records(stream messages.Stream, since int64) iter.Seq2[*messages.Record, error] {
	return func(yield func(*messages.Record, error) bool) {
		for origin, epochs := range j.cfg.Journal.Digest() {
			for _, epoch := range epochs {
				query := storage.Scan{Stream: stream, Origin: origin, Epoch: epoch.Epoch, FromMs: since}
				for ref, err := range j.cfg.Journal.Scan(query) {
					if err == nil {
						err = j.batch(ref.ID, stream, yield)
					}
					if errors.Is(err, errEnough) || err != nil && !yield(nil, err) {
						return
					}
				}
			}
		}
	}
}

var errEnough = errors.New("enough")

func (j *job) batch(id messages.BatchID, stream messages.Stream, yield func(*messages.Record, error) bool) error {
	sealed, err := j.cfg.Journal.Read(id)
	if err != nil {
		return err
	}
	b, err := sealed.Open()
	if err != nil {
		return err
	}
	group := b.Group(stream)
	if group == nil {
		return nil
	}
	for i := range group.Records {
		if !yield(&group.Records[i], nil) {
			return errEnough
		}
	}
	return nil
}

// streamsOf is the pattern of all streams that a template makes.
func streamsOf(template string) messages.Pattern {
	pieces, err := spec.StreamPieces(template)
	if err != nil {
		return messages.Everything
	}
	var text strings.Builder
	for _, p := range pieces {
		if p.Path == nil {
			text.WriteString(p.Text)
			continue
		}
		text.WriteByte('\x00')
	}
	tokens := strings.Split(text.String(), ".")
	for i, token := range tokens {
		if strings.ContainsRune(token, '\x00') {
			tokens[i] = "*"
		}
	}
	return messages.Pattern(strings.Join(tokens, "."))
}
