package app

import (
	"context"
	"errors"
	"fmt"
	"os"

	"anode/actors/registry"
	"anode/cmd/anode/specfiles"
	"anode/messages/command"
	"anode/messages/spec"
)

// sourceFiles are the files of --sources.
func (r *running) sourceFiles() ([]string, error) {
	path := r.cfg.Sources
	files, err := specfiles.Find(path)
	if err == nil && len(files) == 1 && files[0] == path && !specfiles.Named(path) {
		err = fmt.Errorf("%s ends in none of .yaml, .yml and .json", path)
	}
	if err != nil {
		return nil, fmt.Errorf("sources: %w", err)
	}
	return files, nil
}

// checkSources refuses a --sources that does not exist, before anything is opened.
func (r *running) checkSources() error {
	if r.cfg.Sources == "" {
		return nil
	}
	_, err := r.sourceFiles()
	return err
}

// checkSecrets refuses a --secrets that is no directory: each source that needs one would fail instead.
func (r *running) checkSecrets() error {
	if r.cfg.Secrets == "" {
		return nil
	}
	switch info, err := os.Stat(r.cfg.Secrets); {
	case err != nil:
		return fmt.Errorf("secrets: %w", err)
	case !info.IsDir():
		return fmt.Errorf("secrets: %s is no directory", r.cfg.Secrets)
	}
	return nil
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
	files, err := r.sourceFiles()
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
	document, err := specfiles.Read(file)
	if err != nil {
		return false, err
	}
	yaml := specfiles.IsYAML(file)
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
