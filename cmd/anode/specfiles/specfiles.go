package specfiles

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"anode/messages/spec"
)

func ending(name string) string { return strings.ToLower(filepath.Ext(name)) }

// Named tells whether a file's name says that it is a spec: it ends in .yaml, .yml or .json.
func Named(name string) bool {
	return slices.Contains([]string{".yaml", ".yml", ".json"}, ending(name))
}

// IsYAML tells the form of a file by its name: JSON where that ends in .json, else YAML.
func IsYAML(name string) bool { return ending(name) != ".json" }

// Find gives the files that a path stands for: itself, whatever its name, or of a directory
// those that are Named so, sorted by name; there may be none. Directories in it and hidden files are left
// out, links are followed, and what can't be looked at fails in Read.
func Find(path string) ([]string, error) {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return nil, err
	case !info.IsDir():
		return []string{path}, nil
	}
	entries, err := os.ReadDir(path)
	if err != nil {
		return nil, err
	}
	var files []string
	for _, e := range entries {
		name := filepath.Join(path, e.Name())
		if !Named(name) || strings.HasPrefix(e.Name(), ".") {
			continue
		}
		if info, err := os.Stat(name); err == nil && info.IsDir() {
			continue
		}
		files = append(files, name)
	}
	slices.Sort(files)
	return files, nil
}

// Read reads a file of at most spec.MaxDocument bytes.
func Read(name string) (document []byte, err error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	return ReadFrom(f)
}

// ReadFrom reads a document of at most spec.MaxDocument bytes.
func ReadFrom(r io.Reader) ([]byte, error) {
	document, err := io.ReadAll(io.LimitReader(r, spec.MaxDocument+1))
	if err == nil && len(document) > spec.MaxDocument {
		err = fmt.Errorf("has more than %d bytes", spec.MaxDocument)
	}
	return document, err
}
