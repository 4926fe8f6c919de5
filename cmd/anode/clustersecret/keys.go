package clustersecret

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"anode/actors/gossip/link"
)

// Config says where the secrets are. File and Text exclude each other; without both the keys follow from the
// cluster's name, which only Loopback allows.
type Config struct {
	// Cluster is the mesh's name; required.
	Cluster string
	// File is read, or made where it is missing.
	File string
	// Text holds the secrets themselves.
	Text string
	// Loopback: the mesh listens on this machine's own addresses only.
	Loopback bool
	// Clock is the wall clock; required, as is Logger.
	Clock  func() time.Time
	Logger *slog.Logger
}

// Source gives the keys of a cluster as they are now. It is safe for concurrent use.
type Source struct {
	cfg  Config
	keys atomic.Pointer[link.Keys]

	mu sync.Mutex // guards what follows; nobody waits for it, as a file may be slow
	// looked is when the file was read last, seen what was found then: its hash, or the error's text.
	looked time.Time
	seen   string
}

// Open reads the secrets, and makes the file where it is missing.
func Open(cfg Config) (*Source, error) {
	s := &Source{cfg: cfg}
	secrets, err := s.first()
	if err != nil {
		return nil, fmt.Errorf("cluster secret: %w", err)
	}
	keys, err := link.NewKeys(cfg.Cluster, secrets, cfg.Loopback)
	if err != nil {
		return nil, fmt.Errorf("cluster secret: %w", err)
	}
	s.keys.Store(keys)
	return s, nil
}

func (s *Source) first() ([][]byte, error) {
	switch {
	case s.cfg.Text != "":
		secrets, err := Parse([]byte(s.cfg.Text))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", Variable, err)
		}
		return secrets, nil
	case s.cfg.File == "":
		return nil, nil
	}
	secrets, open, err := Read(s.cfg.File)
	if errors.Is(err, fs.ErrNotExist) {
		var made bool
		if made, err = Create(s.cfg.File); err != nil {
			return nil, err
		}
		if made {
			s.cfg.Logger.Warn("a fresh cluster secret was made", "file", s.cfg.File, "hint", "give this file to every node of the mesh: who has another secret is refused")
		}
		secrets, open, err = Read(s.cfg.File)
	}
	if err != nil {
		return nil, err
	}
	if open {
		s.cfg.Logger.Warn("the cluster secret can be read by others than its owner", "file", s.cfg.File, "hint", "chmod 600 "+s.cfg.File)
	}
	s.looked, s.seen = s.cfg.Clock(), digest(secrets)
	return secrets, nil
}

// lookEach is how long what was read of the file is good.
const lookEach = time.Second

// Keys are those of the cluster now. Where the file is slow only the one call that reads it is.
func (s *Source) Keys() *link.Keys {
	if s.cfg.File != "" && s.mu.TryLock() {
		if since := s.cfg.Clock().Sub(s.looked); since >= lookEach || since < 0 {
			s.look()
			s.looked = s.cfg.Clock()
		}
		s.mu.Unlock()
	}
	return s.keys.Load()
}

// look reads the file again, and says what became of it when that is another thing than last time.
func (s *Source) look() {
	secrets, _, err := Read(s.cfg.File)
	var keys *link.Keys
	if err == nil {
		keys, err = link.NewKeys(s.cfg.Cluster, secrets, s.cfg.Loopback)
	}
	now := digest(secrets)
	if err != nil {
		now = err.Error()
	}
	if now == s.seen {
		return
	}
	s.seen = now
	if err != nil {
		s.cfg.Logger.Error("the cluster secret can't be read anew: what was read before is used on", "file", s.cfg.File, "error", err)
		return
	}
	s.keys.Store(keys)
	s.cfg.Logger.Info("the cluster secret was read anew", "file", s.cfg.File, "secrets", len(secrets))
}

// digest tells lists of secrets apart, and does not give them away.
func digest(secrets [][]byte) string {
	h := sha256.New()
	for _, secret := range secrets {
		fmt.Fprintf(h, "%d:%s", len(secret), secret)
	}
	return string(h.Sum(nil))
}
