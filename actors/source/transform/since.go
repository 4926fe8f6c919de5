package transform

import (
	"context"

	"anode/messages/spec"
)

// sinceFrom gives the incremental state of decoded messages; nil gives none.
type sinceFrom struct {
	path    []spec.Step
	program Program
}

// compileSince makes nil where the spec has none.
func compileSince(language Language, s *spec.Since) (*sinceFrom, error) {
	if s == nil {
		return nil, nil
	}
	if path, ok := plainPath(s.From); ok {
		return &sinceFrom{path: path}, nil
	}
	program, err := language.Compile(s.From)
	return &sinceFrom{program: program}, err
}

// note puts the last state of a message that is not null into one.
func (s *sinceFrom) note(ctx context.Context, m *value, env Env, into *any) error {
	if s == nil {
		return nil
	}
	if s.program == nil {
		at, err := m.walk(s.path)
		if err != nil {
			return err
		}
		v, err := at.any()
		if err == nil && v != nil {
			*into = v
		}
		return err
	}
	input, err := m.any()
	if err != nil {
		return err
	}
	results, err := s.program.Run(ctx, input, env)
	if err != nil {
		return err
	}
	for _, v := range results {
		if v != nil {
			*into = v
		}
	}
	return nil
}
