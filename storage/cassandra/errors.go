package cassandra

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/gocql/gocql"

	"anode/storage"
)

// ErrNewerSchema tells that the tables were made by a later version of aNode. It does not pass.
var ErrNewerSchema = errors.New("the archive's tables are of a later version of aNode")

// ErrTTL tells that a server refuses rows that live as long as is set. It does not pass.
var ErrTTL = errors.New("the archive's servers take no ttl as long as that")

// forGood are the answers of a server that say the same the next time: what was asked is wrong. All else passes, or is mended by
// somebody while aNode tries: a password, a permission, a disk.
func forGood(err error) bool {
	var answer gocql.RequestError
	if errors.As(err, &answer) {
		switch answer.Code() {
		case gocql.ErrCodeInvalid:
			return !missing(err) // they are made again
		case gocql.ErrCodeSyntax, gocql.ErrCodeConfig, gocql.ErrCodeProtocol, gocql.ErrCodeAlreadyExists, gocql.ErrCodeFunctionFailure:
			return true
		}
		return false
	}
	return errors.Is(err, ErrNewerSchema) || errors.Is(err, ErrTTL) || errors.Is(err, storage.ErrClosed) || errors.Is(err, gocql.ErrTooManyStmts)
}

// refused tells whether a server says of a batch that it is above its bound.
func refused(err error) bool { return says(err, "Batch too large") }

// missing tells whether a server says that the tables are not there: somebody dropped them while the archive was in use.
func missing(err error) bool {
	return says(err, "unconfigured table") || says(err, "does not exist")
}

// says tells whether a server refused something in these words.
func says(err error, words string) bool {
	var answer gocql.RequestError
	return errors.As(err, &answer) && answer.Code() == gocql.ErrCodeInvalid && strings.Contains(strings.ToLower(answer.Message()), strings.ToLower(words))
}

// busy tells whether an error says that less should be asked at a time.
func busy(err error) bool {
	var answer gocql.RequestError
	if errors.As(err, &answer) {
		switch answer.Code() {
		case gocql.ErrCodeOverloaded, gocql.ErrCodeWriteTimeout, gocql.ErrCodeReadTimeout, gocql.ErrCodeUnavailable, gocql.ErrCodeWriteFailure, gocql.ErrCodeCASWriteUnknown:
			return true
		}
		return false
	}
	return errors.Is(err, gocql.ErrTimeoutNoResponse) || errors.Is(err, gocql.ErrNoStreams)
}

// told is what a caller gets: its context's reason where that ended, ErrAway where it passes, and the error itself elsewhere.
func told(ctx context.Context, err error) error {
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case errors.Is(err, storage.ErrAway), forGood(err):
		return err
	}
	return fmt.Errorf("%w: %w", storage.ErrAway, err)
}

// unnamed is an error whose text is without the user's name.
type unnamed struct {
	error
	text string
}

// Error implements error.
func (u *unnamed) Error() string { return u.text }

// Unwrap gives what it was.
func (u *unnamed) Unwrap() error { return u.error }

// unname takes the user's name out of what a server says of somebody who may not do something: "User NAME has no MODIFY permission on …".
// Status and log are for more eyes than the credentials.
func unname(err error) error {
	const about = " has no "
	var answer gocql.RequestError
	if !errors.As(err, &answer) || answer.Code() != gocql.ErrCodeUnauthorized {
		return err
	}
	said, may := answer.Message(), "permission for what was asked"
	if at := strings.LastIndex(said, about); at >= 0 {
		may = said[at+len(about):]
	}
	return &unnamed{err, strings.Replace(err.Error(), said, "the archive's user has no "+may, 1)}
}
