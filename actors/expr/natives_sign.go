package expr

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/md5"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"hash"
	"io"
	"maps"
	"strings"
)

var signNatives = map[string]native{
	"__now":      {0, "now", func(m *machine, _ any, _ []any) (any, error) { return int(m.engine.cfg.Clock().UnixMilli()), nil }},
	"__uuid":     {0, "", newUUID},
	"__hash":     {2, "", func(m *machine, _ any, args []any) (any, error) { return digest(m, args[0], args[1], "hex") }},
	"__hash_as":  {3, "", func(m *machine, _ any, args []any) (any, error) { return digest(m, args[0], args[1], args[2]) }},
	"__hmac":     {3, "", func(m *machine, _ any, args []any) (any, error) { return seal(m, args[0], args[1], args[2], "hex") }},
	"__hmac_as":  {4, "", func(m *machine, _ any, args []any) (any, error) { return seal(m, args[0], args[1], args[2], args[3]) }},
	"__jwt":      {2, "", func(m *machine, _ any, args []any) (any, error) { return token(m, args[0], args[1], nil) }},
	"__jwt_with": {3, "", func(m *machine, _ any, args []any) (any, error) { return token(m, args[0], args[1], args[2]) }},
}

func newUUID(m *machine, _ any, _ []any) (any, error) {
	var id [16]byte
	if _, err := io.ReadFull(m.engine.cfg.Random, id[:]); err != nil {
		return nil, fmt.Errorf("uuid: %w", err)
	}
	id[6], id[8] = id[6]&0x0f|0x40, id[8]&0x3f|0x80 // version 4, variant 1
	return fmt.Sprintf("%x-%x-%x-%x-%x", id[:4], id[4:6], id[6:8], id[8:10], id[10:]), nil
}

// hashes are what feeds sign with; the old ones too, as it is the feed that chose.
var hashes = map[string]func() hash.Hash{
	"md5": md5.New, "sha1": sha1.New, "sha256": sha256.New, "sha384": sha512.New384, "sha512": sha512.New,
}

func hashOf(fn string, name any) (func() hash.Hash, error) {
	text, _ := name.(string)
	construct, ok := hashes[text]
	if !ok {
		return nil, errors.New(fn + ": the algorithm must be md5, sha1, sha256, sha384 or sha512, is " + shown(name))
	}
	return construct, nil
}

// message is the text of a scalar, as it is signed.
func message(fn, what string, v any) (string, error) {
	text, ok := scalarText(v)
	if !ok || v == nil {
		return "", errors.New(fn + ": " + what + " must be a string, a number or a boolean, is " + shown(v))
	}
	return text, nil
}

// encoded writes a digest: hex, base64, base64url, or raw for one that is signed again.
func encoded(fn string, sum []byte, how any) (any, error) {
	switch how {
	case "hex":
		return hex.EncodeToString(sum), nil
	case "base64":
		return base64.StdEncoding.EncodeToString(sum), nil
	case "base64url":
		return base64.RawURLEncoding.EncodeToString(sum), nil
	case "raw":
		return string(sum), nil
	}
	return nil, errors.New(fn + ": the encoding must be hex, base64, base64url or raw, is " + shown(how))
}

func digest(m *machine, algorithm, v, how any) (any, error) {
	construct, err := hashOf("hash", algorithm)
	if err != nil {
		return nil, err
	}
	text, err := message("hash", "the value", v)
	if err != nil {
		return nil, err
	}
	if err := m.take(4*len(text) + 256); err != nil {
		return nil, err
	}
	h := construct()
	_, _ = io.WriteString(h, text) // a hash never fails
	return encoded("hash", h.Sum(nil), how)
}

func seal(m *machine, algorithm, key, v, how any) (any, error) {
	construct, err := hashOf("hmac", algorithm)
	if err != nil {
		return nil, err
	}
	text, err := message("hmac", "the value", v)
	if err != nil {
		return nil, err
	}
	secret, ok := key.(string)
	if !ok {
		return nil, errors.New("hmac: the key must be a string, is " + typeName(key))
	}
	if err := m.take(4*(len(text)+len(secret)) + 512); err != nil {
		return nil, err
	}
	h := hmac.New(construct, []byte(secret))
	_, _ = io.WriteString(h, text) // a hash never fails
	return encoded("hmac", h.Sum(nil), how)
}

// token is a JSON web token of claims. A key in PEM signs as what it is (ES256, RS256 or EdDSA),
// any other text with HS256. A header adds to "alg" and "typ". Keys are never shown.
func token(m *machine, claims, key, header any) (any, error) {
	text, ok := key.(string)
	if !ok {
		return nil, errors.New("jwt: the key must be a string, is " + typeName(key))
	}
	body, ok := claims.(map[string]any)
	if !ok {
		return nil, errors.New("jwt: the claims must be an object, are " + shown(claims))
	}
	more, ok := header.(map[string]any)
	if !ok && header != nil {
		return nil, errors.New("jwt: the header must be an object, is " + shown(header))
	}
	if err := errors.Join(m.check(claims, maxText), m.check(header, maxText), m.take(len(text))); err != nil {
		return nil, err
	}
	algorithm, sign, err := signer(m, text)
	if err != nil {
		return nil, err
	}
	head := map[string]any{"typ": "JWT"}
	maps.Copy(head, more)
	head["alg"] = algorithm
	first, err := Append(nil, head)
	if err != nil {
		return nil, err
	}
	second, err := Append(nil, body)
	if err != nil {
		return nil, err
	}
	out := base64.RawURLEncoding.EncodeToString(first) + "." + base64.RawURLEncoding.EncodeToString(second)
	signature, err := sign(out)
	if err != nil || len(out) > maxText {
		return nil, errors.Join(errors.New("jwt: can't be signed"), err)
	}
	return out + "." + base64.RawURLEncoding.EncodeToString(signature), m.take(4 * len(out))
}

// signer is how a key signs.
func signer(m *machine, key string) (algorithm string, sign func(text string) ([]byte, error), err error) {
	if !strings.HasPrefix(strings.TrimSpace(key), "-----BEGIN") {
		return "HS256", func(text string) ([]byte, error) {
			h := hmac.New(sha256.New, []byte(key))
			_, _ = io.WriteString(h, text) // a hash never fails
			return h.Sum(nil), nil
		}, nil
	}
	private, err := privateKey(key)
	if err := errors.Join(err, m.take(64<<10)); err != nil { // such signatures are slow
		return "", nil, err
	}
	switch private := private.(type) {
	case *ecdsa.PrivateKey:
		if private.Curve.Params().BitSize != 256 {
			break
		}
		return "ES256", func(text string) ([]byte, error) {
			sum := sha256.Sum256([]byte(text))
			r, s, err := ecdsa.Sign(m.engine.cfg.Random, private, sum[:])
			if err != nil {
				return nil, err
			}
			out := make([]byte, 64)
			r.FillBytes(out[:32])
			s.FillBytes(out[32:])
			return out, nil
		}, nil
	case *rsa.PrivateKey:
		if private.N.BitLen() > 4096 {
			break
		}
		return "RS256", func(text string) ([]byte, error) {
			sum := sha256.Sum256([]byte(text))
			return rsa.SignPKCS1v15(m.engine.cfg.Random, private, crypto.SHA256, sum[:])
		}, nil
	case ed25519.PrivateKey:
		return "EdDSA", func(text string) ([]byte, error) { return ed25519.Sign(private, []byte(text)), nil }, nil
	}
	return "", nil, errors.New("jwt: the key must be EC P-256, RSA of at most 4096 bits, or Ed25519")
}

func privateKey(text string) (any, error) {
	if len(text) > 16<<10 {
		return nil, errors.New("jwt: the key is longer than 16 KiB")
	}
	block, _ := pem.Decode([]byte(strings.TrimSpace(text)))
	if block == nil {
		return nil, errors.New("jwt: the key is no PEM")
	}
	if key, err := x509.ParsePKCS8PrivateKey(block.Bytes); err == nil {
		return key, nil
	}
	if key, err := x509.ParseECPrivateKey(block.Bytes); err == nil {
		return key, nil
	}
	if key, err := x509.ParsePKCS1PrivateKey(block.Bytes); err == nil {
		return key, nil
	}
	return nil, errors.New("jwt: the key is no private key in PKCS 8, SEC 1 or PKCS 1")
}
