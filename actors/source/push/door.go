package push

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"sync"
	"time"

	"anode/actors/source"
	"anode/actors/source/transform"
	"anode/messages/command"
)

// isRefusal tells that an error is about a message, not about the journal.
func isRefusal(err error) bool { return errors.Is(err, command.ErrInvalid) }

// door implements source.Door for the time of one connection.
type door struct {
	*connector
	line *source.Line

	mu   sync.Mutex // guards what follows
	read time.Time
	held keys
	err  error
}

// keys are what senders must know; empty is nothing.
type keys struct {
	token  string
	secret []byte
}

// keysAge is for how long the keys are not read again.
const keysAge = time.Second

// keys reads the keys, where they were not just read.
func (d *door) keys(ctx context.Context) (keys, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	now := d.setup.Clock()
	if age := now.Sub(d.read); d.read.IsZero() || age < 0 || age >= keysAge {
		d.held, d.err = d.readKeys(ctx)
		d.read = now
	}
	return d.held, d.err
}

func (d *door) readKeys(ctx context.Context) (k keys, err error) {
	if k.token, err = d.key(ctx, "token", d.token); err != nil {
		return k, err
	}
	secret, err := d.key(ctx, "verify: secret", d.secret)
	k.secret = keyOf(secret)
	return k, err
}

// key fills the template of a key; one that is there must not come out empty.
func (d *door) key(ctx context.Context, name string, t transform.Template) (string, error) {
	if t == nil {
		return "", nil
	}
	text, present, err := source.Fill(context.WithoutCancel(ctx), t, transform.Vars{}, d.line.OwnSecret)
	switch {
	case err != nil:
		return "", fmt.Errorf("push: %s: %w", name, err)
	case !present || text == "":
		return "", fmt.Errorf("push: %s: is empty", name)
	}
	return text, nil
}

// unreadable hides from senders why the keys can't be read; the source's status says it.
func (d *door) unreadable(err error) error {
	d.setup.Logger.Warn("nobody can push: the keys can't be read", "error", d.line.Hide(err.Error()))
	return fmt.Errorf("%w: source %s can't judge who pushes now", command.ErrUnavailable, d.setup.Spec.Name)
}

// Admit implements source.Door.
func (d *door) Admit(ctx context.Context, token string, socket bool) error {
	k, err := d.keys(ctx)
	switch {
	case err != nil:
		return d.unreadable(err)
	case k.token != "" && token == "":
		return fmt.Errorf("%w: the source's token is missing: send it as Authorization: Bearer, as the password of Basic, or as ?token=", command.ErrUnauthorized)
	case k.token != "" && !same(token, k.token):
		return fmt.Errorf("%w: the token is not the source's", command.ErrUnauthorized)
	case socket && d.secret != nil:
		return fmt.Errorf("%w: each message must be signed in a header, and those of a WebSocket have none: use POST", command.ErrUnauthorized)
	}
	return nil
}

// same compares in a time that says nothing of the texts.
func same(a, b string) bool {
	x, y := sha256.Sum256([]byte(a)), sha256.Sum256([]byte(b))
	return subtle.ConstantTimeCompare(x[:], y[:]) == 1
}

// Take implements source.Door.
func (d *door) Take(ctx context.Context, m command.PushMessage) ([]byte, transform.Meta, error) {
	headers := headersOf(m.Header)
	if d.secret != nil {
		k, err := d.keys(ctx)
		if err != nil {
			return nil, transform.Meta{}, d.unreadable(err)
		}
		if err := d.verify(ctx, k.secret, m, headers); err != nil {
			return nil, transform.Meta{}, err
		}
	}
	meta := transform.Meta{
		Received: d.setup.Clock(), URL: m.URL, Headers: d.shown(headers), Binary: m.Binary,
		Event: first(headers, eventHeaders()), ID: first(headers, idHeaders()),
	}
	message := Message(d.setup.Spec, headers["content-type"], m.Body)
	meta.Raw = m.Body
	return message, meta, nil
}
