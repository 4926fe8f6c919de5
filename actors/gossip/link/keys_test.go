package link

import (
	"bytes"
	"encoding/hex"
	"testing"
)

func TestSecretsThatAreRefused(t *testing.T) {
	long := bytes.Repeat([]byte("x"), MinSecret)
	for name, c := range map[string]struct {
		cluster  string
		secrets  [][]byte
		loopback bool
		ok       bool
	}{
		"none":                {cluster, nil, false, false},
		"none on loopback":    {cluster, nil, true, true},
		"short":               {cluster, [][]byte{long[1:]}, false, false},
		"short on loopback":   {cluster, [][]byte{long[1:]}, true, false},
		"the second is empty": {cluster, [][]byte{long, nil}, false, false},
		"enough":              {cluster, [][]byte{long}, false, true},
		"too many":            {cluster, [][]byte{long, long, long, long, long, long, long, long, long}, false, false},
		"no name":             {"", [][]byte{long}, false, false},
	} {
		k, err := NewKeys(c.cluster, c.secrets, c.loopback)
		if (err == nil) != c.ok {
			t.Errorf("%s: %v", name, err)
		}
		if c.ok && (len(k.Memberlist()) != max(1, len(c.secrets)) || len(k.Memberlist()[0]) != keyBytes) {
			t.Errorf("%s: %d keys", name, len(k.Memberlist()))
		}
	}
}

func TestKeysDifferByUseClusterAndSecret(t *testing.T) {
	seen := make(map[string]string)
	for _, name := range []string{"lab", "home"} {
		for _, s := range [][]byte{nil, secret, []byte("another secret, as long")} {
			var list [][]byte
			if s != nil {
				list = [][]byte{s}
			}
			k, err := NewKeys(name, list, s == nil)
			if err != nil {
				t.Fatal(err)
			}
			for use, key := range map[string][]byte{"memberlist": k.members[0], "proof": k.proof[0]} {
				what := name + " " + use + " " + string(s)
				if before, ok := seen[string(key)]; ok {
					t.Errorf("%s and %s have one key", before, what)
				}
				seen[string(key)] = what
			}
		}
	}
}

// Nodes of different versions must derive the same keys, for ever.
func TestKeysStayWhatTheyAre(t *testing.T) {
	k := keysOf(t, cluster, secret)
	if got := hex.EncodeToString(k.members[0]); got != goldenMembers {
		t.Errorf("memberlist's key is %s", got)
	}
	if got := hex.EncodeToString(k.proof[0]); got != goldenProof {
		t.Errorf("the key of proofs is %s", got)
	}
	proof := prove(k.proof[0], dialer, make([]byte, bindingBytes), pair{"a", "b"})
	if got := hex.EncodeToString(proof[:]); got != goldenDialer {
		t.Errorf("a proof is %s", got)
	}
}

const (
	goldenMembers = "6b0064e876b33400fd67755cbc5cfa7776023f942e821957753f36ef9785ac92"
	goldenProof   = "d6a3e3c05d18f72f88125f9cf11dca05e4074e60e3d3e4eee81f322649c3ef3e"
	goldenDialer  = "a01553d1fcfef1b7cede4f83b493955edee74bbcd2cbf1b6fffc996aba9ce283"
)
