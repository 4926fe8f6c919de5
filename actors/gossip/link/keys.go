package link

import (
	"crypto/hkdf"
	"crypto/sha256"
	"errors"
	"fmt"

	"anode/messages/wire/frame"
)

const (
	// MinSecret is the least bytes of a cluster's secret: 128 bits. A proof can be tried against guesses without
	// asking anybody, so a secret must not be one that can be guessed.
	MinSecret = 16
	// MaxSecrets is the most secrets that are accepted at a time: a rotation needs two.
	MaxSecrets = 8
	// keyBytes is the length of the derived keys: AES-256, and what HMAC-SHA256 has of strength.
	keyBytes = 32
)

// What the keys are for, as HKDF's info has it: a key of one use says nothing about that of another.
const (
	infoMembers = "anode 1 memberlist"
	infoProof   = "anode 1 link proof"
)

// Keys are what is derived from a cluster's secrets. They are immutable.
type Keys struct {
	members, proof [][]byte
}

// NewKeys derives the keys of a cluster from its secrets, each of MinSecret bytes or more. The first is used; all are
// accepted. To change a secret on a running mesh: give every node the new one behind the old, then before it, then alone.
//
// On a mesh that only listens on loopback there may be none. The keys then follow from the cluster's name: they keep
// meshes of other names apart, and protect from nobody.
func NewKeys(cluster string, secrets [][]byte, loopback bool) (*Keys, error) {
	switch {
	case cluster == "" || len(cluster) > frame.MaxText:
		return nil, fmt.Errorf("cluster name of %d bytes: 1 to %d are allowed", len(cluster), frame.MaxText)
	case len(secrets) > MaxSecrets:
		return nil, fmt.Errorf("%d cluster secrets, at most %d are accepted at a time", len(secrets), MaxSecrets)
	case len(secrets) == 0 && !loopback:
		return nil, errors.New("no cluster secret: a mesh that listens beyond loopback needs one")
	case len(secrets) == 0:
		return derive(cluster, [][]byte{[]byte("anode: no secret")})
	}
	for i, secret := range secrets {
		if len(secret) < MinSecret {
			return nil, fmt.Errorf("cluster secret %d has %d bytes, at least %d are needed", i+1, len(secret), MinSecret)
		}
	}
	return derive(cluster, secrets)
}

func derive(cluster string, secrets [][]byte) (*Keys, error) {
	k := new(Keys)
	for _, secret := range secrets {
		members, err := hkdf.Key(sha256.New, secret, nil, infoMembers+"\x00"+cluster, keyBytes)
		if err != nil {
			return nil, fmt.Errorf("derive the key of memberlist: %w", err)
		}
		proof, err := hkdf.Key(sha256.New, secret, nil, infoProof+"\x00"+cluster, keyBytes)
		if err != nil {
			return nil, fmt.Errorf("derive the key of proofs: %w", err)
		}
		k.members, k.proof = append(k.members, members), append(k.proof, proof)
	}
	return k, nil
}

// Memberlist are memberlist's AES-256 keys, the one to use first. They must not be changed.
func (k *Keys) Memberlist() [][]byte { return k.members }
