package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"

	"github.com/spf13/cobra"

	"anode/client"
	"anode/cmd/anode/specfiles"
	"anode/messages/command"
	"anode/messages/spec"
)

func newSourceApply(sh *shell) *cobra.Command {
	cmd := &cobra.Command{
		Use: "apply -f FILE-or-DIR", Short: "register sources, or replace what changed",
		Long: `Register the sources in files, or replace those whose document changed. A directory stands for its .yaml, .yml and
.json files; - is standard input. All files are checked before anything is done.`,
		Args: cobra.NoArgs,
	}
	a := &applier{connect: clientCommand(sh, cmd)}
	cmd.Flags().StringSliceVarP(&a.files, "file", "f", nil, "`FILE-or-DIR` of specs (repeatable)")
	cmd.Flags().BoolVar(&a.prune, "prune", false, "remove the sources that are in no file")
	cmd.Flags().BoolVar(&a.dry, "dry-run", false, "say what would be done, and do nothing")
	cmd.RunE = a.run(a.apply)
	return cmd
}

// applier is one run of the command.
type applier struct {
	*connect
	files      []string
	prune, dry bool
}

// document is a spec as it stands in a file.
type document struct {
	client.Document
	file string
	spec *spec.Spec
}

func (a *applier) apply(cmd *cobra.Command, node *client.Client, _ []string) error {
	if len(a.files) == 0 {
		return misusef("-f FILE-or-DIR is missing")
	}
	documents, err := a.read()
	if err != nil {
		return err
	}
	sources, err := node.Sources(cmd.Context())
	if err != nil {
		return err
	}
	hashes := make(map[string]string)
	for _, s := range sources {
		hashes[s.Name] = hashOf(s)
	}
	var faults []error
	for _, d := range documents {
		if err := a.put(cmd.Context(), node, d, hashes); err != nil {
			faults = append(faults, fmt.Errorf("%s: %w", d.file, err))
		}
	}
	if a.prune && len(faults) == 0 {
		faults = append(faults, a.removeOthers(cmd.Context(), node, documents, sources))
	}
	return errors.Join(faults...)
}

// hashOf is the hash of a registered document; empty where this program can't read it.
func hashOf(s command.SourceView) string {
	parsed, err := spec.Parse(s.Spec, false)
	if err != nil {
		return ""
	}
	return parsed.Hash
}

// put registers or replaces one, where it differs.
func (a *applier) put(ctx context.Context, node *client.Client, d document, hashes map[string]string) error {
	name := d.spec.Name
	hash, exists := hashes[name]
	switch {
	case exists && hash == d.spec.Hash:
		return a.did(name, "unchanged", nil)
	case a.dry && exists:
		return a.did(name, "would be replaced", nil)
	case a.dry:
		return a.did(name, "would be created", nil)
	}
	view, created, err := node.PutSource(ctx, name, d.Document, "")
	if err != nil {
		return err
	}
	return a.did(name, map[bool]string{true: "created", false: "replaced"}[created], &view)
}

// did says what was done; with -o json the source, where one was changed.
func (a *applier) did(name, what string, view *command.SourceView) error {
	if !a.json() {
		_, err := fmt.Fprintln(a.sh.out, name+": "+what)
		return err
	}
	if view == nil {
		return nil
	}
	return object(a.sh.out, view)
}

func (a *applier) removeOthers(ctx context.Context, node *client.Client, documents []document, sources []command.SourceView) error {
	var faults []error
	for _, s := range sources {
		if slices.ContainsFunc(documents, func(d document) bool { return d.spec.Name == s.Name }) {
			continue
		}
		if a.dry {
			faults = append(faults, a.did(s.Name, "would be removed", nil))
			continue
		}
		err := node.RemoveSource(ctx, s.Name, "")
		if err == nil {
			err = a.did(s.Name, "removed", nil)
		}
		faults = append(faults, err)
	}
	return errors.Join(faults...)
}

// read reads all documents, and says all that is wrong with any.
func (a *applier) read() ([]document, error) {
	var list []document
	var faults []error
	names := make(map[string]string)
	for _, given := range a.files {
		files, err := filesOf(given)
		faults = append(faults, err)
		for _, file := range files {
			d, err := a.readOne(file)
			if err != nil {
				faults = append(faults, fmt.Errorf("%s: %w", file, err))
				continue
			}
			if other := names[d.spec.Name]; other != "" {
				faults = append(faults, fmt.Errorf("%s: source %q stands in %s already", file, d.spec.Name, other))
				continue
			}
			names[d.spec.Name] = file
			list = append(list, d)
		}
	}
	return list, errors.Join(faults...)
}

func (a *applier) readOne(file string) (document, error) {
	d := document{file: file}
	var err error
	if file == "-" {
		d.Text, err = specfiles.ReadFrom(a.sh.in)
	} else {
		d.Text, err = specfiles.Read(file)
	}
	if err != nil {
		var path *os.PathError
		if errors.As(err, &path) { // it repeats the file
			err = path.Err
		}
		return d, err
	}
	d.YAML = specfiles.IsYAML(file)
	d.spec, err = spec.Parse(d.Text, d.YAML)
	return d, err
}

// filesOf are the files that a path stands for.
func filesOf(path string) ([]string, error) {
	if path == "-" {
		return []string{path}, nil
	}
	files, err := specfiles.Find(path)
	if err == nil && len(files) == 0 {
		err = fmt.Errorf("%s: has no .yaml, .yml or .json file", path)
	}
	return files, err
}
