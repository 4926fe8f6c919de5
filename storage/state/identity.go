package state

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base32"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/zeebo/blake3"

	"anode/messages"
)

// Identity is who a node is, for ever.
type Identity struct {
	// ID is NodeIDOf the key's public half.
	ID messages.NodeID
	// Key proves it.
	Key ed25519.PrivateKey
}

// ErrIdentity marks a key file that can't be used.
var ErrIdentity = errors.New("the node's key can't be used")

const keyFile = "node.key"

// idBytes is how much of the hash is in a NodeID: finding a second key for it takes 2^128 tries.
const idBytes = 16

var idText = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)

// NodeIDOf is the name that a public key gives: the first 128 bits of its BLAKE3 hash in
// lower-case base32.
func NodeIDOf(public ed25519.PublicKey) messages.NodeID {
	sum := blake3.Sum256(public)
	return messages.NodeID(idText.EncodeToString(sum[:idBytes]))
}

// LoadIdentity reads the identity in a data directory, and makes one in a directory that was never
// used. A key that does not give the NodeID beside it, or is gone from a used directory, is
// ErrIdentity: a new identity would be a node that nobody asked for. Its owner has the lock.
func LoadIdentity(dir string) (Identity, error) {
	path := filepath.Join(dir, keyFile)
	text, err := os.ReadFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return begin(dir, path)
	case err != nil:
		return Identity{}, fmt.Errorf("identity: %w", err)
	}
	id, err := parseKey(text)
	if err != nil {
		return Identity{}, fmt.Errorf("%w: %s %w. Restore it from a copy; without one, move the data directory away: the node then begins "+
			"as a new one, and its peers keep what this one had spread", ErrIdentity, path, err)
	}
	return id, nil
}

// begin makes an identity, but not in a directory that has had one.
func begin(dir, path string) (Identity, error) {
	for _, used := range []string{"state.db", "journal"} {
		if _, err := os.Stat(filepath.Join(dir, used)); err == nil {
			return Identity{}, fmt.Errorf("%w: %s is missing, and %s was used (it has %s). Restore the key from a copy, or give another data directory",
				ErrIdentity, path, dir, used)
		}
	}
	public, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return Identity{}, fmt.Errorf("identity: %w", err)
	}
	id := Identity{ID: NodeIDOf(public), Key: key}
	if err := writeFile(path, formatKey(id)); err != nil {
		return Identity{}, fmt.Errorf("identity: %w", err)
	}
	return id, nil
}

const keyHead = "anode node key 1"

// formatKey is the key file: three lines, of which the last two must fit each other.
func formatKey(id Identity) []byte {
	return fmt.Appendf(nil, "%s\nnode %s\nseed %s\n", keyHead, id.ID, hex.EncodeToString(id.Key.Seed()))
}

func parseKey(text []byte) (Identity, error) {
	lines := strings.Split(string(text), "\n")
	if len(lines) != 4 || lines[0] != keyHead {
		return Identity{}, fmt.Errorf("is damaged, or of another version: its first line must be %q and two more must follow", keyHead)
	}
	name, ok := strings.CutPrefix(lines[1], "node ")
	seedText, ok2 := strings.CutPrefix(lines[2], "seed ")
	seed, err := hex.DecodeString(seedText)
	if !ok || !ok2 || err != nil || len(seed) != ed25519.SeedSize {
		return Identity{}, errors.New("is damaged: it must have a node and a seed of 32 bytes in hexadecimal")
	}
	key := ed25519.NewKeyFromSeed(seed)
	id := Identity{ID: NodeIDOf(key.Public().(ed25519.PublicKey)), Key: key}
	if string(id.ID) != name {
		return Identity{}, fmt.Errorf("is damaged: its key is that of node %s, and it says %.64q", id.ID, name)
	}
	if !bytes.Equal(text, formatKey(id)) {
		return Identity{}, errors.New("is damaged: it has more than a key")
	}
	return id, nil
}

// writeFile writes a file whole or not at all, durable on return.
func writeFile(path string, data []byte) error {
	fresh := path + ".new"
	f, err := os.OpenFile(fresh, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	if err := errors.Join(err, f.Close()); err != nil {
		return err
	}
	if err := os.Rename(fresh, path); err != nil {
		return err
	}
	return syncDir(filepath.Dir(path))
}
