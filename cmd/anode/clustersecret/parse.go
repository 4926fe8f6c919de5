package clustersecret

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"anode/actors/gossip/link"
)

// Variable is the environment variable that may hold the secrets themselves.
const Variable = "ANODE_CLUSTER_SECRET"

// Hint says how a secret is made.
const Hint = "make one with: openssl rand -base64 32"

// maxBytes is what the secrets may take, with comments.
const maxBytes = 64 << 10

// Parse reads secrets, one at least and at most link.MaxSecrets. Its errors name lines, never what is on them.
func Parse(text []byte) ([][]byte, error) {
	if len(text) > maxBytes {
		return nil, fmt.Errorf("more than %d KiB, which no list of secrets has", maxBytes>>10)
	}
	if !utf8.Valid(text) || bytes.ContainsFunc(text, func(r rune) bool { return unicode.IsControl(r) && !strings.ContainsRune("\t\r\n", r) }) {
		return nil, fmt.Errorf("it is not text, a secret a line (%s)", Hint)
	}
	var secrets [][]byte
	var faults []error
	number := 0
	for line := range bytes.Lines(bytes.TrimPrefix(text, []byte("\ufeff"))) {
		number++
		line = bytes.TrimSpace(line)
		switch {
		case len(line) == 0 || line[0] == '#':
		case len(line) < link.MinSecret:
			faults = append(faults, fmt.Errorf("line %d: a secret of %d bytes, at least %d are needed (%s)", number, len(line), link.MinSecret, Hint))
		case !slices.ContainsFunc(secrets, func(s []byte) bool { return bytes.Equal(s, line) }):
			secrets = append(secrets, bytes.Clone(line))
		}
	}
	switch {
	case len(faults) > 0:
	case len(secrets) == 0:
		faults = append(faults, fmt.Errorf("it has no secret (%s)", Hint))
	case len(secrets) > link.MaxSecrets:
		faults = append(faults, fmt.Errorf("%d secrets, at most %d are accepted at a time: leave out those that no node uses any more", len(secrets), link.MaxSecrets))
	}
	return secrets, errors.Join(faults...)
}
