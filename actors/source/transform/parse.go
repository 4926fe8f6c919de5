package transform

import (
	"bytes"
	"errors"
	"mime"
	"unicode/utf8"

	"golang.org/x/text/encoding/htmlindex"
	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/transform"

	"anode/messages"
	"anode/messages/jsontext"
	"anode/messages/spec"
)

var errNoText = errors.New("is neither JSON nor UTF-8 text")

// parsing takes one message apart.
type parsing struct {
	// each takes a decoded message and the bytes that it was made of; false ends the parsing.
	each func(v *value, part []byte) bool
	// failed takes bytes that can't be read, and why; false ends the parsing.
	failed func(part []byte, err error) bool
}

// run parses as a spec says; contentType is that of the answer, empty where there is none.
func (p parsing) run(how string, message []byte, contentType string) {
	if how == spec.ParseBinary {
		p.each(binaryValue(message), message)
		return
	}
	message = toUTF8(message, contentType)
	switch how {
	case spec.ParseNDJSON:
		p.ndjson(message)
	case spec.ParseText:
		p.text(message)
	case spec.ParseLines:
		p.lines(message)
	case spec.ParseCSV:
		p.csv(message)
	case spec.ParseXML:
		p.xml(message)
	default:
		p.json(message, how == spec.ParseAuto)
	}
}

func (p parsing) json(message []byte, orText bool) {
	raw, err := jsontext.Compact(make([]byte, 0, len(message)), message, messages.MaxJSONDepth)
	switch {
	case err == nil:
		p.each(rawValue(raw), message)
	case orText:
		p.text(message)
	default:
		p.failed(message, err)
	}
}

func (p parsing) text(message []byte) bool {
	if !utf8.Valid(message) {
		return p.failed(message, errNoText)
	}
	return p.each(textValue(message), message)
}

func (p parsing) ndjson(message []byte) {
	for line := range bytes.Lines(message) {
		line = bytes.TrimSpace(line)
		if len(line) == 0 {
			continue
		}
		raw, err := jsontext.Compact(nil, line, messages.MaxJSONDepth)
		var more bool
		if err != nil {
			more = p.failed(line, err)
		} else {
			more = p.each(rawValue(raw), line)
		}
		if !more {
			return
		}
	}
}

// lines makes a text of each line, without its end; an empty line is none.
func (p parsing) lines(message []byte) {
	for line := range bytes.Lines(message) {
		if line = lineText(line); len(line) > 0 && !p.text(line) {
			return
		}
	}
}

// lineText is a line without its end.
func lineText(line []byte) []byte {
	return bytes.TrimSuffix(bytes.TrimSuffix(line, []byte("\n")), []byte("\r"))
}

var byteOrderMark = []byte("\ufeff")

// toUTF8 makes UTF-8 of a message in another encoding, if a mark at its beginning or its content type
// names one. What can't be made UTF-8 stays as it is.
func toUTF8(message []byte, contentType string) []byte {
	switch {
	case bytes.HasPrefix(message, byteOrderMark):
		return message[len(byteOrderMark):]
	case bytes.HasPrefix(message, []byte{0xff, 0xfe}) || bytes.HasPrefix(message, []byte{0xfe, 0xff}):
		return decoded(message, unicode.UTF16(unicode.LittleEndian, unicode.UseBOM).NewDecoder())
	case contentType == "" || utf8.Valid(message):
		return message
	}
	_, parameters, err := mime.ParseMediaType(contentType)
	if err != nil {
		return message
	}
	encoding, err := htmlindex.Get(parameters["charset"])
	if err != nil {
		return message
	}
	return decoded(message, encoding.NewDecoder())
}

func decoded(message []byte, by transform.Transformer) []byte {
	out, _, err := transform.Bytes(by, message)
	if err != nil {
		return message
	}
	return out
}
