package capture

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"anode/actors/expr"
	"anode/actors/source"
	"anode/messages/command"
	"anode/messages/spec"
)

// The endings of the files beside a spec.
const (
	framesEnding  = ".frames.ndjson"
	recordsEnding = ".records.ndjson"
)

// mostLine is the most bytes of a line of frames or records.
const mostLine = 100 << 20

// Case is a spec with its frames.
type Case struct {
	// Name is the path without endings: dir/x of dir/x.yaml.
	Name string
	Spec string
}

// Frames and Records are the names of its files.
func (c Case) Frames() string { return c.Name + framesEnding }

// Records is the golden file.
func (c Case) Records() string { return c.Name + recordsEnding }

// Find lists the specs of a directory and of those below it, or the one of a file, sorted; bare are those
// that have no frames.
func Find(path string) (cases []Case, bare []string, err error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, nil, err
	}
	add := func(file string) {
		ending := strings.ToLower(filepath.Ext(file))
		if ending != ".yaml" && ending != ".yml" && ending != ".json" {
			return
		}
		c := Case{Name: strings.TrimSuffix(file, filepath.Ext(file)), Spec: file}
		if _, err := os.Stat(c.Frames()); err != nil {
			bare = append(bare, file)
			return
		}
		cases = append(cases, c)
	}
	if !info.IsDir() {
		add(path)
		return cases, bare, nil
	}
	err = filepath.WalkDir(path, func(file string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && file != path && strings.HasPrefix(d.Name(), "."):
			return filepath.SkipDir
		case !d.IsDir() && !strings.HasPrefix(d.Name(), "."):
			add(file)
		}
		return nil
	})
	return cases, bare, err
}

// Outcome is what a case's frames became.
type Outcome struct {
	// Lines are the records; Frame has for each the line of the frames' file that it comes from.
	Lines [][]byte
	Frame []int
	// Failures are what could not be made a record, with the line of the frame.
	Failures []string
	// Messages is how many frames were messages of the feed; Filtered and Duplicate count values.
	Messages                     int
	Filtered, Duplicate, Limited uint64
}

// Run takes a case's frames through its spec.
func (c Case) Run(ctx context.Context) (*Outcome, error) {
	s, err := ReadSpec(c.Spec)
	if err != nil {
		return nil, err
	}
	r, err := New(s)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", c.Spec, err)
	}
	f, err := os.Open(c.Frames())
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	out := &Outcome{}
	last := 0
	err = Lines(f, func(number int, line []byte) error {
		last = number
		var frame command.Frame
		if err := json.Unmarshal(line, &frame); err != nil {
			return fmt.Errorf("line %d is no frame: %w", number, err)
		}
		step, err := r.Feed(ctx, &frame)
		if err != nil {
			return fmt.Errorf("line %d: %w", number, err)
		}
		out.add(number, &step)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", c.Frames(), err)
	}
	end := r.End()
	out.add(last, &end)
	return out, nil
}

func (o *Outcome) add(number int, s *Step) {
	if s.Message {
		o.Messages++
	}
	o.Filtered += s.Dropped.Filtered
	o.Duplicate += s.Dropped.Duplicate
	o.Limited += s.Dropped.Limited
	for i := range s.Failures {
		o.Failures = append(o.Failures, fmt.Sprintf("line %d: %s", number, s.Failures[i].Reason))
	}
	for _, line := range s.Lines() {
		o.Lines = append(o.Lines, line)
		o.Frame = append(o.Frame, number)
	}
}

// Parse reads a spec. All that is wrong with it comes as spec.Faults, within its expressions too.
func Parse(document []byte, yaml bool) (*spec.Spec, error) {
	s, err := spec.ParseWith(document, yaml, source.Compile(source.Language(expr.NewEngine(expr.EngineConfig{}))))
	if err != nil {
		return nil, err
	}
	if _, err := New(s); err != nil {
		return nil, err
	}
	return s, nil
}

// ReadSpec reads the spec of a file; one that ends in .json is JSON.
func ReadSpec(file string) (*spec.Spec, error) {
	document, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	s, err := Parse(document, strings.ToLower(filepath.Ext(file)) != ".json")
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return s, nil
}

// Lines calls for each line that is not blank, numbered from 1.
func Lines(from io.Reader, each func(number int, line []byte) error) error {
	lines := bufio.NewScanner(from)
	lines.Buffer(make([]byte, 0, 64<<10), mostLine)
	number := 0
	for lines.Scan() {
		number++
		if line := bytes.TrimSpace(lines.Bytes()); len(line) > 0 {
			if err := each(number, line); err != nil {
				return err
			}
		}
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("line %d can't be read: %w", number+1, err)
	}
	return nil
}

// Golden reads the golden lines; fs.ErrNotExist where there are none.
func (c Case) Golden() (lines [][]byte, err error) {
	f, err := os.Open(c.Records())
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	err = Lines(f, func(number int, line []byte) error {
		if !json.Valid(line) {
			return fmt.Errorf("%s: line %d is not JSON", c.Records(), number)
		}
		lines = append(lines, slices.Clone(line))
		return nil
	})
	return lines, err
}

// Write makes the golden file of an outcome.
func (c Case) Write(o *Outcome) error {
	var text bytes.Buffer
	for _, line := range o.Lines {
		text.Write(line)
		text.WriteByte('\n')
	}
	return os.WriteFile(c.Records(), text.Bytes(), 0o644)
}
