package transform

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"anode/messages"
)

const (
	// maxColumns is the most columns of a table.
	maxColumns = 10_000
	// maxColumn is the longest name of a column, in bytes.
	maxColumn = 256
)

var (
	errOpenQuote = errors.New("has a quoted field that is not closed")
	errQuoted    = errors.New("has something between the quote that ends a field and the next delimiter")
	errColumns   = fmt.Errorf("has more than %d columns", maxColumns)
	errColumn    = fmt.Errorf("has a column whose name is longer than %d bytes", maxColumn)
	errRowText   = errors.New("is no UTF-8 text")
)

// csv makes an object of each row, RFC 4180: the first row has the names, and all values are texts. The
// delimiter is whichever of comma, semicolon, tab and vertical bar the first row has most of. A
// row that can't be read costs only itself, and an empty line is no row.
func (p parsing) csv(message []byte) {
	r := tableReader{rest: message, delimiter: delimiterOf(message)}
	header, part, err := r.next()
	for err == nil && header == nil && part != nil {
		header, part, err = r.next()
	}
	var names []string
	if err == nil {
		names, err = columnNames(header)
	}
	if err != nil {
		p.failed(part, fmt.Errorf("row 1, the header, %w", err))
		return
	}
	for n := 2; ; n++ {
		fields, part, err := r.next()
		switch {
		case err == nil && part == nil:
			return
		case err == nil && fields == nil: // an empty line
			n--
			continue
		case err == nil && len(fields) != len(names):
			err = fmt.Errorf("has %d fields, the header has %d", len(fields), len(names))
		case err == nil && !utf8.Valid(part):
			err = errRowText
		}
		var more bool
		if err != nil {
			more = p.failed(part, fmt.Errorf("row %d %w", n, err))
		} else {
			more = p.each(rawValue(rowJSON(names, fields)), part)
		}
		if !more {
			return
		}
	}
}

// delimiterOf is the most frequent delimiter of the first line that is not empty, outside of quotes; a comma where
// there is none.
func delimiterOf(message []byte) byte {
	const known = ",;\t|"
	var counts [len(known)]int
	quoted, begun := false, false
	for _, c := range message {
		if c == '\n' && begun && !quoted {
			break
		}
		begun = begun || c != '\r' && c != '\n'
		if c == '"' {
			quoted = !quoted
		} else if i := strings.IndexByte(known, c); i >= 0 && !quoted {
			counts[i]++
		}
	}
	best := 0
	for i, n := range counts {
		if n > counts[best] {
			best = i
		}
	}
	return known[best]
}

// columnNames are the names of a header, each once: one that is empty is called after its number, and one
// that comes again has the number of its coming behind it.
func columnNames(header []string) ([]string, error) {
	taken := make(map[string]bool, len(header))
	again := make(map[string]int) // the number from which on a name that comes again may have one
	names := make([]string, len(header))
	for i, name := range header {
		if !utf8.ValidString(name) {
			return nil, errRowText
		}
		switch name = strings.TrimSpace(name); {
		case len(name) > maxColumn:
			return nil, errColumn
		case name == "":
			name = "column_" + strconv.Itoa(i+1)
		}
		names[i] = name
		for n := max(2, again[name]); taken[names[i]]; n++ {
			names[i], again[name] = name+"_"+strconv.Itoa(n), n+1
		}
		taken[names[i]] = true
	}
	return names, nil
}

func rowJSON(names, fields []string) []byte {
	size := 2
	for i := range names {
		size += len(names[i]) + len(fields[i]) + 6
	}
	out := append(make([]byte, 0, size), '{')
	for i, name := range names {
		if i > 0 {
			out = append(out, ',')
		}
		out = append(messages.AppendQuoted(out, name), ':')
		out = messages.AppendQuoted(out, fields[i])
	}
	return append(out, '}')
}

// tableReader reads rows. It takes time linear in the text: a quote that is not closed shows once
// only, for behind it all quotes come in pairs.
type tableReader struct {
	rest      []byte
	delimiter byte
}

// next is a row and the text that it was made of; no fields for an empty line, and no text at the end. Behind a
// row that can't be read it goes on with the next line.
func (r *tableReader) next() (fields []string, part []byte, err error) {
	if len(r.rest) == 0 {
		return nil, nil, nil
	}
	row := r.rest
	for at := 0; ; {
		field, end, err := r.field(row[at:])
		if len(fields) == maxColumns {
			err = errColumns
		}
		if err != nil {
			line := row
			if i := bytes.IndexByte(row[at:], '\n'); i >= 0 {
				line = row[:at+i+1]
			}
			r.rest = row[len(line):]
			return nil, lineText(line), err
		}
		fields = append(fields, field)
		at += end
		switch {
		case at < len(row) && row[at] == r.delimiter:
			at++
			continue
		case at < len(row): // the end of a line
			part, r.rest = lineText(row[:at+1]), row[at+1:]
		default:
			part, r.rest = lineText(row), nil
		}
		if len(part) == 0 {
			return nil, row[:0], nil
		}
		return fields, part, nil
	}
}

// field is the first field of a text and where it ends: at a delimiter, the end of the line, or of the text.
func (r *tableReader) field(text []byte) (field string, end int, err error) {
	if len(text) == 0 || text[0] != '"' {
		for end < len(text) && text[end] != r.delimiter && text[end] != '\n' {
			end++
		}
		if end == len(text) || text[end] == '\n' {
			return string(lineText(text[:end])), end, nil
		}
		return string(text[:end]), end, nil
	}
	var out []byte
	for at := 1; ; {
		i := bytes.IndexByte(text[at:], '"')
		if i < 0 {
			return "", 0, errOpenQuote
		}
		out = append(out, text[at:at+i]...)
		if at += i + 1; at < len(text) && text[at] == '"' {
			out = append(out, '"')
			at++
			continue
		}
		rest := text[at:]
		if len(rest) > 1 && rest[0] == '\r' && rest[1] == '\n' || len(rest) == 1 && rest[0] == '\r' {
			rest, at = rest[1:], at+1
		}
		if len(rest) > 0 && rest[0] != r.delimiter && rest[0] != '\n' {
			return "", 0, errQuoted
		}
		return string(out), at, nil
	}
}
