package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"anode/messages/command"
)

// Status asks a node how it is.
func (c *Client) Status(ctx context.Context) (v command.StatusView, err error) {
	return v, c.Get(ctx, "/status", nil, &v)
}

// Cluster asks for all nodes that a node knows.
func (c *Client) Cluster(ctx context.Context) (v command.ClusterView, err error) {
	return v, c.Get(ctx, "/cluster", nil, &v)
}

// Drain has a node hand its sources over to others, and then leave the mesh and end. It returns when that has begun, with the sources that no
// other node can take over.
func (c *Client) Drain(ctx context.Context) (v command.RetireView, err error) {
	_, err = c.call(ctx, request{method: http.MethodPost, path: api + "/cluster/drain"}, &v)
	if errors.Is(err, io.EOF) { // of a version that names none
		err = nil
	}
	return v, err
}

// Bans lists the nodes that are shut out of the mesh, by id.
func (c *Client) Bans(ctx context.Context) ([]command.BanView, error) {
	return list[command.BanView](ctx, c, "/cluster/bans", nil)
}

// Ban shuts a node out of the mesh; it is done also where it is banned already.
func (c *Client) Ban(ctx context.Context, node string) error {
	_, err := c.call(ctx, request{method: http.MethodPost, path: banPath(node)}, nil)
	return err
}

// LiftBan lets a node in again.
func (c *Client) LiftBan(ctx context.Context, node string) error {
	_, err := c.call(ctx, request{method: http.MethodDelete, path: banPath(node)}, nil)
	return err
}

func banPath(node string) string { return api + "/cluster/bans/" + url.PathEscape(node) }

// Alarms asks what is wrong anywhere in the mesh.
func (c *Client) Alarms(ctx context.Context) (v []command.AlarmView, err error) {
	return v, c.Get(ctx, "/alarms", nil, &v)
}

// Actors asks for a node's actor tree.
func (c *Client) Actors(ctx context.Context) (v command.ActorView, err error) {
	return v, c.Get(ctx, "/actors", nil, &v)
}

// Subscribers asks for a node's sessions.
func (c *Client) Subscribers(ctx context.Context) ([]command.SubscriberView, error) {
	return list[command.SubscriberView](ctx, c, "/subscribers", nil)
}

// Events asks for the registry's log.
func (c *Client) Events(ctx context.Context) ([]command.EventView, error) {
	return list[command.EventView](ctx, c, "/events", nil)
}

// Streams lists the streams that match a pattern; an empty one is all but the mesh's own.
func (c *Client) Streams(ctx context.Context, match string) ([]command.StreamView, error) {
	return list[command.StreamView](ctx, c, "/streams", matching(match))
}

func matching(match string) url.Values {
	if match == "" {
		return nil
	}
	return url.Values{"match": {match}}
}

// Healthy asks whether a node's process lives.
func (c *Client) Healthy(ctx context.Context) error {
	_, err := c.call(ctx, request{method: http.MethodGet, path: "/healthz", here: true}, nil)
	return err
}

// Ready asks whether a node can serve, and which of its checks fail. That it is not ready is no error.
func (c *Client) Ready(ctx context.Context) (command.ReadyView, error) {
	var view command.ReadyView
	answer, err := c.do(ctx, request{method: http.MethodGet, path: "/readyz", here: true})
	if err != nil {
		return view, err
	}
	if answer.StatusCode != http.StatusOK && answer.StatusCode != http.StatusServiceUnavailable {
		return view, readProblem(answer)
	}
	if err := json.NewDecoder(answer.Body).Decode(&view); err != nil {
		return view, fmt.Errorf("/readyz: the answer can't be read: %w", err)
	}
	return view, nil
}

// Clock is what a node's Date header says, in whole seconds; zero where it has none.
func (c *Client) Clock(ctx context.Context) (time.Time, error) {
	answer, err := c.do(ctx, request{method: http.MethodGet, path: "/healthz", here: true})
	if err != nil {
		return time.Time{}, err
	}
	date, err := http.ParseTime(answer.Header.Get("Date"))
	if err != nil {
		return time.Time{}, nil //nolint:nilerr // no date is none
	}
	return date, nil
}
