package cassandra

import (
	"context"
	"crypto/sha256"
	_ "embed"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

//go:embed pom.xml
var pom []byte

// ErrUnavailable says that Cassandra can't be had on this machine, with what is missing and how to get it.
var ErrUnavailable = errors.New("cassandra can't be run here")

// home is what a node needs of the machine.
type home struct {
	java string // the program
	lib  string // the folder of jars
}

// install gives what Cassandra needs, and gets it where it is missing. Who asks for it at once, in however many processes, waits for
// the one that gets it.
func install(ctx context.Context, t tools) (home, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return home{}, fmt.Errorf("%w: no place for its jars: %w", ErrUnavailable, err)
	}
	cache = filepath.Join(cache, "anode")
	if err := os.MkdirAll(cache, 0o755); err != nil {
		return home{}, err
	}
	lib := filepath.Join(cache, fmt.Sprintf("cassandra-%s-%x", Version, sha256.Sum256(pom))[:len("cassandra--")+len(Version)+12])
	if java, err := t.findJava(ctx); err == nil && isDir(lib) {
		return home{java, lib}, nil
	}
	unlock, err := lock(ctx, filepath.Join(cache, "cassandra.lock"))
	if err != nil {
		return home{}, fmt.Errorf("wait for another who installs cassandra: %w", err)
	}
	defer unlock()
	java, err := t.needJava(ctx)
	if err != nil {
		return home{}, err
	}
	if isDir(lib) {
		return home{java, lib}, nil
	}
	mvn, err := t.needMaven(ctx)
	if err != nil {
		return home{}, err
	}
	t.log.Info("getting the jars of cassandra", "version", Version, "dir", lib)
	return home{java, lib}, fetch(ctx, mvn, lib)
}

func isDir(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

// fetch has Maven collect the jars, and gives them their name when all are there.
func fetch(ctx context.Context, mvn, lib string) error {
	work, err := os.MkdirTemp(filepath.Dir(lib), "fetching-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(work) }()
	file, jars := filepath.Join(work, "pom.xml"), filepath.Join(work, "lib")
	if err := os.WriteFile(file, pom, 0o600); err != nil {
		return err
	}
	err = run(ctx, mvn, "--batch-mode", "--quiet", "--strict-checksums", "--file", file, "dependency:copy-dependencies",
		"-DincludeScope=runtime", "-DoutputDirectory="+jars)
	if err != nil {
		return fmt.Errorf("%w: its jars: %w", ErrUnavailable, err)
	}
	return os.Rename(jars, lib)
}
