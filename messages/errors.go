package messages

import "errors"

// The faults of names and positions. Each is wrapped with the text that was
// refused and the rule that it broke.
var (
	// ErrStream marks a stream name that breaks the rules of Stream.
	ErrStream = errors.New("invalid stream")
	// ErrPattern marks a pattern that breaks the rules of Pattern.
	ErrPattern = errors.New("invalid pattern")
	// ErrPosition marks a text that is no Position.
	ErrPosition = errors.New("invalid position")
	// ErrCursor marks a list that is no Cursor.
	ErrCursor = errors.New("invalid cursor")
	// ErrDraft marks a draft that breaks the bounds of Draft.
	ErrDraft = errors.New("invalid record")
	// ErrTooLarge marks a draft whose payload is above MaxPayload.
	ErrTooLarge = errors.New("record too large")
)
