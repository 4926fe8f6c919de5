package link

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"math/big"
	"time"

	"anode/messages"
)

// certify makes the certificate that carries a node's key: nobody signs it but the key itself, nothing else stands
// in it, and its dates mean nothing. It exists in memory only.
func certify(key ed25519.PrivateKey) (tls.Certificate, error) {
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1),
		NotBefore:    time.Unix(0, 0),
		NotAfter:     time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC), // no end (RFC 5280, 4.1.2.5)
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("make a certificate: %w", err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, nil
}

// tlsConfig is what both sides of a link ask of TLS. There is no authority: who the peer is follows from its key
// alone, which TLS makes it prove; check says whether that is welcome.
func (e *Endpoint) tlsConfig(check func(peer messages.NodeID) error) *tls.Config {
	return &tls.Config{
		MinVersion:         tls.VersionTLS13,
		Certificates:       []tls.Certificate{e.certificate},
		ClientAuth:         tls.RequireAnyClientCert,
		InsecureSkipVerify: true,
		VerifyConnection: func(state tls.ConnectionState) error {
			peer, err := e.peerOf(&state)
			if err != nil {
				return err
			}
			return check(peer)
		},
		// Each link proves itself anew. Without tickets the listener says nothing behind the handshake.
		SessionTicketsDisabled: true,
		// Records that grow slowly are for pages that are shown as they load.
		DynamicRecordSizingDisabled: true,
	}
}

// peerOf is the node whose key the other end has.
func (e *Endpoint) peerOf(state *tls.ConnectionState) (messages.NodeID, error) {
	if len(state.PeerCertificates) == 0 {
		return "", fmt.Errorf("%w: it has no certificate", ErrIdentity)
	}
	public, ok := state.PeerCertificates[0].PublicKey.(ed25519.PublicKey)
	if !ok {
		return "", fmt.Errorf("%w: its key is a %T, and nodes have Ed25519 keys", ErrIdentity, state.PeerCertificates[0].PublicKey)
	}
	return e.cfg.NodeIDOf(public), nil
}
