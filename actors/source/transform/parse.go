package transform

import (
	"bytes"
	"errors"
	"unicode/utf8"

	"anode/messages"
	"anode/messages/jsontext"
	"anode/messages/spec"
)

var errNoText = errors.New("is neither JSON nor UTF-8 text")

// parse takes a message apart into JSON values; each that can't be read is given to failed.
func parse(how string, message []byte, failed func(part []byte, err error)) []*value {
	switch how {
	case spec.ParseNDJSON:
		return parseLines(message, failed)
	case spec.ParseText:
		return parseText(message, failed)
	}
	raw, err := jsontext.Compact(make([]byte, 0, len(message)), message, messages.MaxJSONDepth)
	switch {
	case err == nil:
		return []*value{rawValue(raw)}
	case how == spec.ParseAuto:
		return parseText(message, failed)
	}
	failed(message, err)
	return nil
}

func parseText(message []byte, failed func([]byte, error)) []*value {
	if !utf8.Valid(message) {
		failed(message, errNoText)
		return nil
	}
	return []*value{rawValue(messages.AppendQuoted(make([]byte, 0, len(message)+2), string(message)))}
}

func parseLines(message []byte, failed func([]byte, error)) []*value {
	var values []*value
	for line := range bytes.Lines(message) {
		line = bytes.TrimSpace(line)
		if len(line) == 0 {
			continue
		}
		raw, err := jsontext.Compact(nil, line, messages.MaxJSONDepth)
		if err != nil {
			failed(line, err)
			continue
		}
		values = append(values, rawValue(raw))
	}
	return values
}
