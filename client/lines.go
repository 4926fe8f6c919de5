package client

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
)

// Lines publishes what a reader gives, a line a record. Empty lines are passed over.
type Lines struct {
	// Stream, Key and ContentType are every record's. With the empty ContentType a line is JSON.
	Stream, Key, ContentType string
	// From is read to its end. Lines that have arrived are sent before the next read blocks, so that a
	// slow writer's records are not kept waiting. A context does not interrupt its Read.
	From io.Reader
	// Each is told what became of each line, numbered from 1, in order; an error ends the publishing
	// and is given back. Nil is nobody.
	Each func(line int, p Published) error
}

// Tally counts lines by what became of them.
type Tally struct {
	Stored, Duplicate, Refused int
	// Bytes are those of the lines that were answered.
	Bytes int64
}

// The bounds of one request, and of a line: it may have spaces that its record has not.
const (
	linesRecords = 1000
	linesBytes   = 2 << 20
	lineMost     = 4 << 20
)

// PublishLines publishes line by line, one request at a time, so that their order is kept. After an
// error all that Each was told of is done; where it is ErrUnknown, lines after that may be too.
func (c *Client) PublishLines(ctx context.Context, l Lines) (Tally, error) {
	p := &linePublisher{Lines: l, client: c, reader: bufio.NewReaderSize(l.From, 256<<10)}
	err := p.run(ctx)
	return p.tally, err
}

// linePublisher collects lines into requests.
type linePublisher struct {
	Lines
	client *Client
	reader *bufio.Reader
	tally  Tally
	// line is the number of the last line read.
	line int
	// drafts are the lines that wait, and lines their numbers.
	drafts []Draft
	lines  []int
	size   int
}

func (p *linePublisher) run(ctx context.Context) error {
	for {
		if !p.arrived() {
			if err := p.flush(ctx); err != nil {
				return err
			}
		}
		line, tooLong, err := p.read()
		if err != nil && !errors.Is(err, io.EOF) {
			return errors.Join(p.flush(ctx), fmt.Errorf("line %d can't be read: %w", p.line, err))
		}
		switch line = bytes.TrimRight(line, "\r\n"); {
		case tooLong:
			if err := errors.Join(p.flush(ctx), p.refuse()); err != nil {
				return err
			}
		case len(bytes.TrimSpace(line)) > 0:
			if err := p.add(ctx, line); err != nil {
				return err
			}
		}
		if err != nil {
			return p.flush(ctx)
		}
	}
}

// arrived tells whether a whole line is here already, so that reading it does not block.
func (p *linePublisher) arrived() bool {
	n := p.reader.Buffered()
	if n == 0 {
		return false
	}
	waiting, err := p.reader.Peek(n)
	return err == nil && bytes.IndexByte(waiting, '\n') >= 0
}

// read reads a line, without keeping more than lineMost of it.
func (p *linePublisher) read() (line []byte, tooLong bool, err error) {
	p.line++
	for {
		part, err := p.reader.ReadSlice('\n')
		if len(line)+len(part) > lineMost {
			line, tooLong = nil, true
		}
		if !tooLong {
			line = append(line, part...)
		}
		if !errors.Is(err, bufio.ErrBufferFull) {
			return line, tooLong, err
		}
	}
}

func (p *linePublisher) add(ctx context.Context, line []byte) error {
	if len(p.drafts) >= linesRecords || p.size > 0 && p.size+len(line) > linesBytes {
		if err := p.flush(ctx); err != nil {
			return err
		}
	}
	p.drafts = append(p.drafts, Draft{Stream: p.Stream, Key: p.Key, ContentType: p.ContentType, Payload: line})
	p.lines = append(p.lines, p.line)
	p.size += len(line)
	return nil
}

// refuse tells of a line that no record can be.
func (p *linePublisher) refuse() error {
	return p.tell(p.line, Published{Error: &Problem{
		Status: http.StatusRequestEntityTooLarge, Code: "too_large", Detail: fmt.Sprintf("the line has more than %d bytes", lineMost),
	}})
}

// flush sends what waits.
func (p *linePublisher) flush(ctx context.Context) error {
	if len(p.drafts) == 0 {
		return nil
	}
	answers, err := p.client.PublishAll(ctx, p.drafts)
	if err != nil {
		return fmt.Errorf("lines %d to %d: %w", p.lines[0], p.lines[len(p.lines)-1], err)
	}
	p.tally.Bytes += int64(p.size)
	for i, answer := range answers {
		if err := p.tell(p.lines[i], answer); err != nil {
			return err
		}
	}
	p.drafts, p.lines, p.size = p.drafts[:0], p.lines[:0], 0
	return nil
}

func (p *linePublisher) tell(line int, answer Published) error {
	switch {
	case answer.Error != nil:
		p.tally.Refused++
	case answer.Duplicate:
		p.tally.Duplicate++
	default:
		p.tally.Stored++
	}
	if p.Each == nil {
		return nil
	}
	return p.Each(line, answer)
}
