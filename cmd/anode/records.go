package main

import (
	"bufio"
	"encoding/json"
	"strconv"
	"unicode/utf8"

	"anode/client"
)

// recordPrinter prints records, a line each: the API's object, or on a terminal (and where -o table
// asks for it) when, where, key and data.
type recordPrinter struct {
	w     *bufio.Writer
	human bool
	paint paint
}

func (c *connect) recordPrinter() *recordPrinter {
	p := &recordPrinter{w: bufio.NewWriterSize(c.sh.out, 64<<10), paint: c.sh.paint()}
	p.human = c.output == "table" || c.output == "" && terminal(c.sh.out)
	return p
}

// print buffers a record's line.
func (p *recordPrinter) print(r *client.Record) error {
	if !p.human {
		_, _ = p.w.Write(r.Raw) // a failure sticks, and comes with the next
		return p.w.WriteByte('\n')
	}
	line := p.paint.dim(r.Received.Local().Format("15:04:05.000")) + "  " + p.paint.bold(harmless(r.Stream))
	if r.Key != "" {
		line += "  " + p.paint.with("36", harmless(r.Key))
	}
	_, err := p.w.WriteString(line + "  " + harmless(dataText(r)) + "\n")
	return err
}

func (p *recordPrinter) flush() error { return p.w.Flush() }

// dataText is a record's datum in a line.
func dataText(r *client.Record) string {
	if r.Text == nil && r.Base64 == nil {
		return string(r.Data)
	}
	payload, err := r.Payload()
	if err != nil || !utf8.Valid(payload) {
		return r.ContentType + ", " + strconv.Itoa(len(payload)) + " bytes"
	}
	quoted, err := json.Marshal(string(payload))
	if err != nil {
		return err.Error()
	}
	return string(quoted)
}
