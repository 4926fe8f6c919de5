package frame

import (
	"errors"
	"fmt"
	"unicode/utf8"

	"anode/messages"
)

// The faults of what comes over a link.
var (
	// ErrFrame: the bytes are no frame, or one that breaks the rules of its type. What else it wraps and says
	// tells why.
	ErrFrame = errors.New("bad frame")
	// ErrUnknown: the frame is whole, and of a type that this version does not know. It is no ErrFrame: it is
	// to be skipped and counted.
	ErrUnknown = errors.New("frame of an unknown type")
)

const (
	maxSequence = messages.MaxSequence
	maxEpoch    = messages.MaxEpoch
)

// Check tells whether a frame keeps the rules of its type and fits in Max. Parse takes what passes it,
// and nothing else.
func Check(f Frame) error {
	err := f.check()
	if err == nil && f.Size() > Max {
		err = fmt.Errorf("%d bytes, at most %d are allowed", f.Size(), Max)
	}
	if err != nil {
		return fmt.Errorf("%w: %s: %w", ErrFrame, f.Type(), err)
	}
	return nil
}

func checkFlow(origin messages.NodeID, epoch uint64) error {
	if _, err := messages.ParseNodeID(string(origin)); err != nil {
		return err
	}
	if epoch == 0 {
		return fmt.Errorf("epoch 0 of %s: epochs count from 1", origin)
	}
	if epoch > maxEpoch {
		return fmt.Errorf("epoch %d of %s: nobody counts that far", epoch, origin)
	}
	return nil
}

func checkText(text string) error {
	if len(text) > MaxText {
		return fmt.Errorf("text of %d bytes, at most %d are allowed", len(text), MaxText)
	}
	if !utf8.ValidString(text) {
		return fmt.Errorf("text %q is not UTF-8", text)
	}
	return nil
}

func checkRanges(list []messages.Range) error {
	if len(list) > MaxRanges {
		return fmt.Errorf("%d ranges, at most %d are allowed", len(list), MaxRanges)
	}
	for _, r := range list {
		if r.From == 0 || r.From > r.To || r.To > maxSequence {
			return fmt.Errorf("range %s: sequences count from 1 up", r)
		}
	}
	return nil
}

// each checks the parts of a list.
func each[T any](what string, list []T, check func(*T) error) error {
	for i := range list {
		if err := check(&list[i]); err != nil {
			return fmt.Errorf("%s %d: %w", what, i, err)
		}
	}
	return nil
}
