package messages

import (
	"encoding/base64"
	"strings"
	"time"
	"unicode/utf8"
)

// maxTextJSON is the most bytes that a text payload may take as a JSON string;
// above it stands as base64.
const maxTextJSON = 1_468_006 // 1.4 MiB

// AppendJSON appends the record's one JSON form: the object of every interface.
func (r *Record) AppendJSON(dst []byte) []byte {
	dst = r.Position.AppendText(append(dst, `{"id":"`...))
	return r.appendMembers(append(dst, `",`...), r.Received())
}

// AppendJSON appends the draft as the record that it would be if it came at a time: the same object, without an id.
func (d *Draft) AppendJSON(dst []byte, received time.Time) []byte {
	return d.appendMembers(append(dst, '{'), received)
}

func (d *Draft) appendMembers(dst []byte, received time.Time) []byte {
	dst = append(append(append(dst, `"stream":"`...), d.Stream...), '"')
	dst = appendField(dst, `,"source":`, d.Source)
	dst = appendField(dst, `,"key":`, d.Key)
	dst = appendField(dst, `,"native_id":`, d.NativeID)
	at := d.Time
	if at.IsZero() {
		at = received
	}
	dst = appendTime(append(dst, `,"time":`...), at)
	dst = appendTime(append(dst, `,"received":`...), received)
	if d.JSON() {
		return append(append(append(dst, `,"data":`...), d.Payload...), '}')
	}
	dst = appendField(dst, `,"content_type":`, d.ContentType)
	return append(d.appendContent(dst), '}')
}

// appendContent writes a payload that is not JSON: text where it is text, and short
// enough as JSON, else base64.
func (d *Draft) appendContent(dst []byte) []byte {
	if strings.HasPrefix(d.ContentType, "text/") && utf8.Valid(d.Payload) {
		start := len(dst)
		dst = AppendQuoted(append(dst, `,"text":`...), string(d.Payload))
		if len(dst)-start <= maxTextJSON {
			return dst
		}
		dst = dst[:start]
	}
	dst = append(dst, `,"base64":"`...)
	return append(base64.StdEncoding.AppendEncode(dst, d.Payload), '"')
}

func appendField(dst []byte, name, value string) []byte {
	if value == "" {
		return dst
	}
	return AppendQuoted(append(dst, name...), value)
}

func appendTime(dst []byte, t time.Time) []byte {
	return append(t.UTC().AppendFormat(append(dst, '"'), "2006-01-02T15:04:05.999999999Z"), '"')
}

// AppendQuoted appends a text as a JSON string (RFC 8259). Bytes that are not UTF-8
// become U+FFFD.
func AppendQuoted(dst []byte, text string) []byte {
	const hex = "0123456789abcdef"
	dst = append(dst, '"')
	from := 0
	for i := 0; i < len(text); {
		c := text[i]
		if c >= ' ' && c != '"' && c != '\\' && c < utf8.RuneSelf {
			i++
			continue
		}
		if c >= utf8.RuneSelf {
			if r, size := utf8.DecodeRuneInString(text[i:]); r != utf8.RuneError || size > 1 {
				i += size
				continue
			}
		}
		dst = append(dst, text[from:i]...)
		switch c {
		case '"', '\\':
			dst = append(dst, '\\', c)
		case '\n':
			dst = append(dst, '\\', 'n')
		case '\r':
			dst = append(dst, '\\', 'r')
		case '\t':
			dst = append(dst, '\\', 't')
		default:
			if c >= utf8.RuneSelf {
				dst = append(dst, "\ufffd"...)
			} else {
				dst = append(dst, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
			}
		}
		i++
		from = i
	}
	return append(append(dst, text[from:]...), '"')
}
