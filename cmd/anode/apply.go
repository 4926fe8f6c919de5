package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"anode/actors/source/capture"
	"anode/client"
	"anode/cmd/anode/specfiles"
	"anode/messages/command"
	"anode/messages/spec"
)

func newSourceApply(sh *shell) *cobra.Command {
	cmd := &cobra.Command{
		Use: "apply -f FILE-or-DIR", Short: "register sources, or replace what changed",
		Long: `Register the sources in files, or replace those whose document changed. A directory stands for its .yaml, .yml and
.json files; - is standard input. All files are checked before anything is done. Each source is created, updated or unchanged; --prune removes those that are in no file, after a question where
somebody sits at a terminal. --dry-run changes nothing, and shows what would differ.`,
		Example: `  anode source apply -f specs --dry-run
  anode source apply -f specs --prune --yes`,
		Args: cobra.NoArgs,
	}
	a := &applier{connect: clientCommand(sh, cmd)}
	cmd.Flags().StringSliceVarP(&a.files, "file", "f", nil, "`FILE-or-DIR` of specs (repeatable)")
	cmd.Flags().BoolVar(&a.prune, "prune", false, "remove the sources that are in no file")
	cmd.Flags().BoolVar(&a.yes, "yes", false, "prune without a question")
	cmd.Flags().BoolVar(&a.dry, "dry-run", false, "say what would be done and what differs, and do nothing")
	cmd.RunE = a.run(a.apply)
	return cmd
}

// applier is one run of the command.
type applier struct {
	*connect
	files           []string
	prune, dry, yes bool
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
	known := make(map[string]command.SourceView)
	for _, s := range sources {
		known[s.Name] = s
	}
	others := a.others(documents, sources)
	if a.prune && !a.dry && !a.yes && len(others) > 0 && !a.agreed(others) {
		return errors.New("nothing was done")
	}
	var faults []error
	for _, d := range documents {
		if err := a.put(cmd.Context(), node, d, known); err != nil {
			faults = append(faults, fmt.Errorf("%s: %w", d.file, err))
		}
	}
	if a.prune && len(faults) == 0 {
		faults = append(faults, a.remove(cmd.Context(), node, others))
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
func (a *applier) put(ctx context.Context, node *client.Client, d document, known map[string]command.SourceView) error {
	name := d.spec.Name
	at, exists := known[name]
	switch {
	case exists && hashOf(at) == d.spec.Hash:
		return a.did(name, "unchanged", nil)
	case a.dry && exists:
		if err := a.did(name, "would be updated", nil); err != nil {
			return err
		}
		return a.differences(at.Spec, d.spec.JSON)
	case a.dry:
		return a.did(name, "would be created", nil)
	}
	view, created, err := node.PutSource(ctx, name, d.Document, "")
	if err != nil {
		return err
	}
	return a.did(name, map[bool]string{true: "created", false: "updated"}[created], &view)
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

// others are the sources that are in no file.
func (a *applier) others(documents []document, sources []command.SourceView) (names []string) {
	for _, s := range sources {
		if !slices.ContainsFunc(documents, func(d document) bool { return d.spec.Name == s.Name }) {
			names = append(names, s.Name)
		}
	}
	return names
}

// agreed asks whoever sits at the terminal; where nobody does, the flag says enough.
func (a *applier) agreed(names []string) bool {
	if !terminal(a.sh.in) || !terminal(a.sh.errs) || slices.Contains(a.files, "-") {
		return true
	}
	fmt.Fprintf(a.sh.errs, "remove %s: %s? [y/N] ", plural(len(names), "source"), harmless(strings.Join(names, ", ")))
	answer, err := bufio.NewReader(a.sh.in).ReadString('\n')
	if err != nil && answer == "" {
		return false
	}
	answer = strings.ToLower(strings.TrimSpace(answer))
	return answer == "y" || answer == "yes"
}

func (a *applier) remove(ctx context.Context, node *client.Client, names []string) error {
	var faults []error
	for _, name := range names {
		if a.dry {
			faults = append(faults, a.did(name, "would be removed", nil))
			continue
		}
		err := node.RemoveSource(ctx, name, "")
		if err == nil {
			err = a.did(name, "removed", nil)
		}
		faults = append(faults, err)
	}
	return errors.Join(faults...)
}

// differences prints what two documents have of their own, a field a line: - stands, + would stand.
func (a *applier) differences(stands, would json.RawMessage) error {
	if a.json() {
		return nil
	}
	before, after := fieldsOf(stands), fieldsOf(would)
	paths := slices.Collect(maps.Keys(before))
	for path := range after {
		if _, both := before[path]; !both {
			paths = append(paths, path)
		}
	}
	slices.Sort(paths)
	p := a.sh.paint()
	for _, path := range paths {
		was, had := before[path]
		is, has := after[path]
		if had && has && was == is {
			continue
		}
		if had {
			fmt.Fprintln(a.sh.out, p.with("31", "  - "+harmless(path+": "+was)))
		}
		if has {
			fmt.Fprintln(a.sh.out, p.with("32", "  + "+harmless(path+": "+is)))
		}
	}
	return nil
}

// fieldsOf are the values of a document by their pointers, lists whole.
func fieldsOf(document json.RawMessage) map[string]string {
	fields := make(map[string]string)
	var walk func(path string, text json.RawMessage)
	walk = func(path string, text json.RawMessage) {
		var members map[string]json.RawMessage
		if json.Unmarshal(text, &members) == nil && len(members) > 0 {
			for name, member := range members {
				walk(path+"/"+strings.NewReplacer("~", "~0", "/", "~1").Replace(name), member)
			}
			return
		}
		fields[path] = compact(string(text))
	}
	walk("", document)
	return fields
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
	d.spec, err = capture.Parse(d.Text, d.YAML)
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
