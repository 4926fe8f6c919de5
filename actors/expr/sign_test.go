package expr

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"math/big"
	"strings"
	"testing"
)

func pemOf(t *testing.T, kind string, der []byte, err error) string {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
}

func TestTokensAreSigned(t *testing.T) {
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	ecDER, ecErr := x509.MarshalECPrivateKey(ec)
	rs, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	public, ed, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	edDER, edErr := x509.MarshalPKCS8PrivateKey(ed)
	wide, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	wideDER, wideErr := x509.MarshalECPrivateKey(wide)
	e := newEngine()
	program, err := e.Compile(`jwt({iss: "a", exp: 5}; .; {kid: "k1", alg: "none"})`)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, key string
		holds     func(text, signature []byte) bool
	}{
		{"HS256", "secret", func(text, signature []byte) bool {
			h := hmac.New(sha256.New, []byte("secret"))
			h.Write(text)
			return hmac.Equal(h.Sum(nil), signature)
		}},
		{"ES256", pemOf(t, "EC PRIVATE KEY", ecDER, ecErr), func(text, signature []byte) bool {
			sum := sha256.Sum256(text)
			return len(signature) == 64 && ecdsa.Verify(&ec.PublicKey, sum[:], new(big.Int).SetBytes(signature[:32]), new(big.Int).SetBytes(signature[32:]))
		}},
		{"RS256", pemOf(t, "RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(rs), nil), func(text, signature []byte) bool {
			sum := sha256.Sum256(text)
			return rsa.VerifyPKCS1v15(&rs.PublicKey, crypto.SHA256, sum[:], signature) == nil
		}},
		{"EdDSA", pemOf(t, "PRIVATE KEY", edDER, edErr), func(text, signature []byte) bool { return ed25519.Verify(public, text, signature) }},
	} {
		out, err := program.Run(context.Background(), c.key, Env{})
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		parts := strings.Split(out[0].(string), ".")
		signature, err := base64.RawURLEncoding.DecodeString(parts[2])
		head, _ := base64.RawURLEncoding.DecodeString(parts[0])
		body, _ := base64.RawURLEncoding.DecodeString(parts[1])
		if err != nil || !c.holds([]byte(parts[0]+"."+parts[1]), signature) {
			t.Errorf("%s: the signature does not hold", c.name)
		}
		if want := `{"alg":"` + c.name + `","kid":"k1","typ":"JWT"} {"exp":5,"iss":"a"}`; string(head)+" "+string(body) != want {
			t.Errorf("got %s %s, want %s", head, body, want)
		}
	}
	if _, err := program.Run(context.Background(), pemOf(t, "EC PRIVATE KEY", wideDER, wideErr), Env{}); err == nil || !strings.Contains(err.Error(), "EC P-256") {
		t.Errorf("a key that can't sign: %v", err)
	}
}
