package link

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/tls"
	"fmt"

	"anode/messages"
)

// role says who makes a proof, so that nobody can be shown his own.
type role string

const (
	dialer   role = "dialer"
	listener role = "listener"
)

// bindingBytes and bindingLabel are those of tls-exporter (RFC 9266).
const (
	bindingBytes = 32
	bindingLabel = "EXPORTER-Channel-Binding"
)

// binding is what only the two ends of this one TLS session know: a proof over it can't be taken to another.
func binding(state *tls.ConnectionState) ([]byte, error) {
	b, err := state.ExportKeyingMaterial(bindingLabel, nil, bindingBytes)
	if err != nil {
		return nil, fmt.Errorf("%w: channel binding: %w", ErrTLS, err)
	}
	return b, nil
}

// pair is who the two ends of a session are, as their certificates say.
type pair struct{ dialer, listener messages.NodeID }

// prove is HMAC-SHA256 over role, binding and both ids, each led by its length.
func prove(key []byte, who role, binding []byte, ends pair) (proof [32]byte) {
	mac := hmac.New(sha256.New, key)
	for _, part := range [...]string{string(who), string(binding), string(ends.dialer), string(ends.listener)} {
		mac.Write([]byte{byte(len(part))}) // ids have at most messages.MaxNodeID bytes
		mac.Write([]byte(part))
	}
	mac.Sum(proof[:0])
	return proof
}

// proven finds the key with which a proof was made; nil where none of them was.
func (k *Keys) proven(proof [32]byte, who role, binding []byte, ends pair) []byte {
	for _, key := range k.proof {
		want := prove(key, who, binding, ends)
		if hmac.Equal(want[:], proof[:]) {
			return key
		}
	}
	return nil
}
