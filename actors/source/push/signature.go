package push

import (
	"context"
	"crypto/hmac"
	"crypto/sha1" //nolint:gosec // what senders sign with; HMAC-SHA1 is not broken
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"hash"
	"strings"
	"unicode/utf8"

	"anode/actors/source"
	"anode/actors/source/transform"
	"anode/messages/command"
)

// algorithm is the hash of verify.alg.
func algorithm(name string) func() hash.Hash {
	switch name {
	case "sha1":
		return sha1.New
	case "sha512":
		return sha512.New
	}
	return sha256.New
}

// keyOf is the key that a secret names: its bytes, or what it encodes where it is written as Standard Webhooks do.
func keyOf(secret string) []byte {
	if encoded, ok := strings.CutPrefix(secret, "whsec_"); ok {
		if key, err := base64.StdEncoding.DecodeString(encoded); err == nil {
			return key
		}
	}
	return []byte(secret)
}

// mostSignatures bounds how many signatures of one header are looked at.
const mostSignatures = 16

// verify judges the signature of a message: of the body as it came or, where that was compressed, as it was before.
func (d *door) verify(ctx context.Context, key []byte, m command.PushMessage, headers map[string]string) error {
	v := d.spec.Verify
	given := headers[strings.ToLower(v.Header)]
	if given == "" {
		return fmt.Errorf("%w: the signature is missing: header %s", command.ErrUnauthorized, v.Header)
	}
	bodies := [][]byte{m.Body}
	if m.Wire != nil {
		bodies = append(bodies, m.Wire)
	}
	for _, body := range bodies {
		signed, err := d.signed(ctx, body, headers)
		if err != nil {
			return fmt.Errorf("%w: verify: of: %s", command.ErrUnauthorized, d.line.Hide(err.Error()))
		}
		mac := hmac.New(algorithm(v.Alg), key)
		mac.Write(signed)
		if matches(given, mac.Sum(nil)) {
			return nil
		}
	}
	return fmt.Errorf("%w: header %s has no right signature", command.ErrUnauthorized, v.Header)
}

// signed is what a sender signed of a body.
func (d *door) signed(ctx context.Context, body []byte, headers map[string]string) ([]byte, error) {
	if d.of == nil {
		return body, nil
	}
	if !utf8.Valid(body) {
		return nil, fmt.Errorf("the body is no UTF-8 text")
	}
	all := make(map[string]any, len(headers))
	for name, text := range headers {
		all[name] = strings.ToValidUTF8(text, "�")
	}
	text, _, err := source.Fill(ctx, d.of, transform.Vars{Request: map[string]any{"headers": all, "body": string(body)}}, nil)
	return []byte(text), err
}

// matches looks for a sum in a header: in hexadecimal or base64, alone, after a name such as sha256= or v1,
// or in a list of those.
func matches(header string, sum []byte) bool {
	found := 0
	parts := strings.FieldsFunc(header, func(r rune) bool { return r == ',' || r == ';' || r == ' ' })
	for _, part := range parts[:min(len(parts), mostSignatures)] {
		_, value, _ := strings.Cut(part, "=")
		for _, text := range []string{part, value} {
			if given := decode(text, len(sum)); given != nil && hmac.Equal(given, sum) {
				found++
			}
		}
	}
	return found > 0
}

// decode reads a sum of so many bytes; nil where it is none.
func decode(text string, size int) []byte {
	if len(text) == hex.EncodedLen(size) {
		if sum, err := hex.DecodeString(text); err == nil {
			return sum
		}
	}
	text = strings.TrimRight(text, "=")
	for _, coding := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
		if coding.EncodedLen(size) == len(text) {
			if sum, err := coding.DecodeString(text); err == nil {
				return sum
			}
		}
	}
	return nil
}
