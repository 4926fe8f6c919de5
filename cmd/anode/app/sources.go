package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"anode/actors/registry"
	"anode/messages/command"
	"anode/messages/spec"
)

// sourceKinds are the files of a directory that are specs, and whether they are YAML.
var sourceKinds = map[string]bool{".yaml": true, ".yml": true, ".json": false}

// sourceFiles are the files of --sources: the file itself, or those of a directory whose names end in
// .yaml, .yml or .json, sorted by name. Directories in it and hidden files are left out.
func sourceFiles(path string) ([]string, error) {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return nil, fmt.Errorf("sources: %w", err)
	case !info.IsDir():
		if _, known := sourceKinds[strings.ToLower(filepath.Ext(path))]; !known {
			return nil, fmt.Errorf("sources: %s ends in none of .yaml, .yml and .json", path)
		}
		return []string{path}, nil
	}
	entries, err := os.ReadDir(path)
	if err != nil {
		return nil, fmt.Errorf("sources: %w", err)
	}
	var files []string
	for _, e := range entries {
		name := filepath.Join(path, e.Name())
		_, known := sourceKinds[strings.ToLower(filepath.Ext(name))]
		if !known || strings.HasPrefix(e.Name(), ".") {
			continue
		}
		if info, err := os.Stat(name); err == nil && info.IsDir() { // links are followed; what can't be read is a fault later
			continue
		}
		files = append(files, name)
	}
	slices.Sort(files)
	return files, nil
}

// checkSources refuses a --sources that does not exist, before anything is opened.
func (r *running) checkSources() error {
	if r.cfg.Sources == "" {
		return nil
	}
	_, err := sourceFiles(r.cfg.Sources)
	return err
}

// applySources registers what --sources and --demo name, where it is not what was applied last. A
// faulty file is logged and does not stop the others.
func (r *running) applySources(ctx context.Context) error {
	if err := r.applyDemo(ctx); err != nil {
		return err
	}
	if r.cfg.Sources == "" {
		return nil
	}
	files, err := sourceFiles(r.cfg.Sources)
	if err != nil {
		return err
	}
	changed, faulty, from := 0, 0, make(map[string]string)
	for _, file := range files {
		did, err := r.applyFile(ctx, file, from)
		switch {
		case ctx.Err() != nil:
			return nil // the node stops
		case err != nil:
			faulty++
			r.logFaults(file, err)
		case did:
			changed++
		}
	}
	r.log.Info("sources applied", "path", r.cfg.Sources, "files", len(files), "changed", changed, "faulty", faulty)
	return nil
}

// applyFile applies one file and tells whether it changed anything. from has the file of each name that
// came before.
func (r *running) applyFile(ctx context.Context, file string, from map[string]string) (bool, error) {
	document, err := readSpec(file)
	if err != nil {
		return false, err
	}
	yaml := sourceKinds[strings.ToLower(filepath.Ext(file))]
	s, err := spec.Parse(document, yaml)
	if err != nil {
		return false, err
	}
	if first, twice := from[s.Name]; twice {
		return false, spec.Faults{{Path: "/name", Message: fmt.Sprintf("is %q, which %s has already", s.Name, first)}}
	}
	from[s.Name] = file
	return command.Ask(ctx, r.node, registry.Apply{Document: document, YAML: yaml})
}

// readSpec reads a file of at most spec.MaxDocument bytes.
func readSpec(file string) (document []byte, err error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	document, err = io.ReadAll(io.LimitReader(f, spec.MaxDocument+1))
	if err == nil && len(document) > spec.MaxDocument {
		err = fmt.Errorf("the file has more than %d bytes", spec.MaxDocument)
	}
	return document, err
}

// logFaults logs each fault of a file on a line of its own: where it is, and what the rule is.
func (r *running) logFaults(file string, err error) {
	var faults spec.Faults
	if !errors.As(err, &faults) {
		r.log.Error("a source is not applied", "file", file, "error", err)
		return
	}
	for _, f := range faults {
		r.log.Error("a source is not applied", "file", file, "path", f.Path, "rule", f.Message)
	}
}
