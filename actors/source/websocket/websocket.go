package websocket

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/gorilla/websocket"

	"anode/actors/source"
	"anode/actors/source/egress"
	"anode/actors/source/transform"
	"anode/messages/spec"
)

const (
	// handshakePatience bounds connecting, TLS and the handshake.
	handshakePatience = 15 * time.Second
	readBuffer        = 2 << 10
	writeBuffer       = 1 << 10
)

// writeBuffers are used while a message is written.
var writeBuffers sync.Pool

// connector implements source.Connector.
type connector struct {
	setup     source.Setup
	spec      *spec.WebSocket
	transport *source.Transport
	before    *source.Before
	endpoint  *source.Endpoint
	open      []transform.Template
	openings  []opening
	ping      transform.Template // nil: none
}

// New makes a connector: a source.Kind.
func New(setup source.Setup) (source.Connector, error) {
	c := &connector{setup: setup, spec: setup.Spec.WebSocket}
	var faults spec.Faults
	c.transport = setup.CompileTransport(&faults)
	c.before = setup.CompileBefore("/websocket/before", c.spec.Before, c.transport, &faults)
	c.endpoint = setup.CompileEndpoint(setup.Feed(), c.transport, &faults)
	for i, frame := range c.spec.Open {
		c.open = append(c.open, setup.CompileTemplate("/websocket/open/"+strconv.Itoa(i), frame, &faults))
	}
	c.openings = openings(c.spec.Open, len(setup.Spec.Items), c.spec.Batch)
	setup.OnlyItems("there is one connection for all items: use .items, and .item in websocket.open", &faults)
	if c.spec.Ping != nil {
		c.ping = setup.CompileTemplate("/websocket/ping/send", c.spec.Ping.Send, &faults)
	}
	if len(faults) > 0 {
		return nil, faults
	}
	return c, nil
}

// Close implements source.Connector.
func (c *connector) Close() { c.transport.Close() }

// Run implements source.Connector.
func (c *connector) Run(ctx context.Context, line *source.Line) error {
	switch {
	case c.spec.Renew == 0:
		return c.session(ctx, line).run(ctx)
	case c.setup.Spec.Exclusive:
		return c.oneByOne(ctx, line)
	}
	return (&relay{connector: c, line: line, ends: make(chan end, 2)}).run(ctx)
}

// dial makes the connection and the handshake over pipes, which the caller closes; status is that of an answer
// that is a refusal.
func (c *connector) dial(ctx context.Context, line *source.Line, address source.Address, way egress.Way, pipes *source.Pipes) (conn *websocket.Conn, status int, err error) {
	defer context.AfterFunc(ctx, pipes.Break)() // the library does not look at ctx while it waits for the answer
	dialer := websocket.Dialer{
		NetDialContext: pipes.DialContext, TLSClientConfig: way.TLS.Clone(), HandshakeTimeout: handshakePatience,
		ReadBufferSize: readBuffer, WriteBufferSize: writeBuffer, WriteBufferPool: &writeBuffers, Subprotocols: c.spec.Subprotocols,
	}
	header := address.Header
	if header.Get("User-Agent") == "" {
		header.Set("User-Agent", "anode")
	}
	if user := address.URL.User; user != nil { // the library takes none in the URL
		password, _ := user.Password()
		header.Set("Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte(user.Username()+":"+password)))
		address.URL.User = nil
	}
	conn, response, err := dialer.DialContext(ctx, address.URL.String(), header)
	switch {
	case ctx.Err() != nil:
		if conn != nil {
			_ = conn.Close() // nobody is told
		}
		return nil, 0, context.Cause(ctx)
	case errors.Is(err, websocket.ErrBadHandshake) && response != nil:
		return nil, response.StatusCode, c.refused(response, line)
	case errors.Is(err, context.DeadlineExceeded):
		return nil, 0, fmt.Errorf("the feed did not connect within %s", handshakePatience)
	case err != nil:
		return nil, 0, line.Cause(err)
	}
	return conn, 0, nil
}

// refused is the error of a handshake that failed, in the feed's own words.
func (c *connector) refused(r *http.Response, line *source.Line) error {
	body := make([]byte, 1024) // the library keeps so much of it
	n, _ := r.Body.Read(body)  // what can't be read is not shown
	text := fmt.Sprintf("the feed answered the handshake with %d %s", r.StatusCode, http.StatusText(r.StatusCode))
	if words := source.Words(body[:n]); words != "" {
		text += ": " + words
	}
	err := &source.Refused{Status: r.StatusCode, Text: line.Hide(text)}
	if wait := source.Asked(r, c.setup.Clock()); wait > 0 {
		return &source.AskedToWait{Err: err, Wait: wait}
	}
	return err
}
