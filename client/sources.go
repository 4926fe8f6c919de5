package client

import (
	"context"
	"net/http"
	"net/url"

	"anode/messages/command"
)

// Document is a source's spec as it was written.
type Document struct {
	Text []byte
	// YAML tells its form, JSON otherwise.
	YAML bool
}

func (d Document) header(ifMatch string) http.Header {
	h := http.Header{"Content-Type": {"application/json"}}
	if d.YAML {
		h.Set("Content-Type", "application/yaml")
	}
	return withMatch(h, ifMatch)
}

func withMatch(h http.Header, version string) http.Header {
	if version != "" {
		if version != "*" {
			version = `"` + version + `"`
		}
		h.Set("If-Match", version)
	}
	return h
}

func sourcePath(name string) string { return api + "/sources/" + url.PathEscape(name) }

// Sources lists all sources, by name.
func (c *Client) Sources(ctx context.Context) ([]command.SourceView, error) {
	return list[command.SourceView](ctx, c, "/sources", nil)
}

// Source asks for one source.
func (c *Client) Source(ctx context.Context, name string) (v command.SourceView, err error) {
	_, err = c.call(ctx, request{method: http.MethodGet, path: sourcePath(name)}, &v)
	return v, err
}

// CreateSource registers a source; one of that name must not exist.
func (c *Client) CreateSource(ctx context.Context, d Document) (v command.SourceView, err error) {
	_, err = c.call(ctx, request{method: http.MethodPost, path: api + "/sources", header: d.header(""), body: d.Text, once: true}, &v)
	return v, err
}

// PutSource creates a source or replaces its spec, and tells whether it is new. A version is what
// must stand now, "*" is any; empty is no condition.
func (c *Client) PutSource(ctx context.Context, name string, d Document, version string) (v command.SourceView, created bool, err error) {
	status, err := c.call(ctx, request{method: http.MethodPut, path: sourcePath(name), header: d.header(version), body: d.Text}, &v)
	return v, status == http.StatusCreated, err
}

// RemoveSource removes a source. What it collected stays.
func (c *Client) RemoveSource(ctx context.Context, name, version string) error {
	_, err := c.call(ctx, request{method: http.MethodDelete, path: sourcePath(name), header: withMatch(http.Header{}, version)}, nil)
	return err
}

// PauseSource stops a source until it is resumed.
func (c *Client) PauseSource(ctx context.Context, name string) (command.SourceView, error) {
	return c.sourceAction(ctx, name, "pause")
}

// ResumeSource lets a paused source run again.
func (c *Client) ResumeSource(ctx context.Context, name string) (command.SourceView, error) {
	return c.sourceAction(ctx, name, "resume")
}

// RestartSource makes a source connect anew, without waiting for its backoff.
func (c *Client) RestartSource(ctx context.Context, name string) (command.SourceView, error) {
	return c.sourceAction(ctx, name, "restart")
}

// sourceAction does what can be done twice.
func (c *Client) sourceAction(ctx context.Context, name, action string) (v command.SourceView, err error) {
	_, err = c.call(ctx, request{method: http.MethodPost, path: sourcePath(name) + "/" + action}, &v)
	return v, err
}
