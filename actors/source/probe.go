package source

import (
	"context"
	"errors"
	"time"

	"anode/messages/spec"
)

// errSilent is why a probe fails of a feed that gives no sign.
var errSilent = errors.New("the feed gave no sign in the time of a probe")

// Probe finds whether a source's feed works on this node that does not run it: by a connection beside that of its owner, of which nothing is
// stored. nil is that it does: it brought something, or the connection stood for as long as the time given. It counts as a try, and is
// command.ErrTooMany where there are as many as may be. It blocks. Exclusive sources must not be probed.
func (s *Sources) Probe(ctx context.Context, parsed *spec.Spec, d time.Duration) error {
	t, err := s.run(ctx, parsed, d, 1, false)
	if err != nil {
		return err
	}
	return t.verdict()
}

// verdict is nil where the feed works on this node, as far as the try could see.
func (t *trial) verdict() error {
	var orderly *EndedInOrder
	inOrder := errors.As(t.err, &orderly)
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case len(t.view.Records) > 0 || inOrder:
		return nil
	case t.view.Error != nil:
		return errors.New(*t.view.Error) // no secret is in it
	case !t.opened && !t.heard:
		return errSilent
	}
	return nil
}
