package clustersecret

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
)

// Read reads the secrets in a file. open tells whether others than its owner may use it. Its error is fs.ErrNotExist
// where there is none.
func Read(path string) (secrets [][]byte, open bool, err error) {
	text, info, err := content(path)
	if err != nil {
		return nil, false, err
	}
	if secrets, err = Parse(text); err != nil {
		return nil, false, fmt.Errorf("%s: %w", path, err)
	}
	return secrets, runtime.GOOS != "windows" && info.Mode().Perm()&0o077 != 0, nil
}

// content is a file as a whole, if it is one that can hold secrets.
func content(path string) ([]byte, fs.FileInfo, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, nil, err
	}
	if !info.Mode().IsRegular() { // a pipe would be waited for
		return nil, nil, fmt.Errorf("%s is no file", path)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, nil, err
	}
	text, err := io.ReadAll(io.LimitReader(f, maxBytes+1))
	return text, info, errors.Join(err, f.Close())
}

// Create makes the file with a fresh secret, unless it is there. made tells whether it was this call.
func Create(path string) (made bool, err error) {
	dir := filepath.Dir(path)
	f, err := os.CreateTemp(dir, "."+filepath.Base(path)+".*") // for its owner only
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return false, fmt.Errorf("%s can't be made: there is no directory %s", path, dir)
	case err != nil:
		return false, fmt.Errorf("make %s: %w", path, err)
	}
	defer func() { err = errors.Join(err, os.Remove(f.Name())) }()
	if err := fill(f); err != nil {
		return false, fmt.Errorf("make %s: %w", path, err)
	}
	switch err := os.Link(f.Name(), path); {
	case errors.Is(err, fs.ErrExist):
		return false, nil
	case err != nil:
		return false, fmt.Errorf("make %s: %w (write it by hand: openssl rand -base64 32 > %s)", path, err, path)
	}
	return true, syncDir(dir)
}

// secretBytes is how much chance is in a secret that is made here.
const secretBytes = 32

// fill writes a fresh secret, durably, and closes the file.
func fill(f *os.File) error {
	secret := make([]byte, secretBytes)
	_, _ = rand.Read(secret) // it never fails
	_, err := fmt.Fprintf(f, "# The secret of an anode mesh: who has it can join. The first line is used, all are accepted.\n%s\n",
		base64.StdEncoding.EncodeToString(secret))
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

// syncDir makes a new name durable, where directories can be synced.
func syncDir(dir string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
