package feeds_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/gorilla/websocket"

	"anode/testkit/feeds"
)

// A feed that waits for the subscription, sends what was captured, and resets the connection
// instead of closing it; whoever comes again gets the rest.
func Example() {
	capture, err := feeds.ReadCapture(strings.NewReader("1.0: {\"n\":1}\n2.0: {\"n\":2}\n"))
	if err != nil {
		panic(err)
	}
	replay, err := feeds.Replay(feeds.ReplayConfig{Capture: capture, Await: 1})
	if err != nil {
		panic(err)
	}
	socket := feeds.NewSocket(feeds.Refuse(feeds.Status(http.StatusBadGateway, "not yet")), feeds.Play(replay))
	server, err := feeds.Start(socket)
	if err != nil {
		panic(err)
	}
	defer func() { _ = server.Close() }()

	_, answer, err := websocket.DefaultDialer.Dial(server.SocketURL("/"), nil)
	fmt.Println(answer.StatusCode, err)
	_ = answer.Body.Close()
	ws, answer, err := websocket.DefaultDialer.Dial(server.SocketURL("/"), nil)
	if err != nil {
		panic(err)
	}
	defer func() { _ = ws.Close() }()
	_ = answer.Body.Close()
	if err := ws.WriteMessage(websocket.TextMessage, []byte(`{"op":"subscribe"}`)); err != nil {
		panic(err)
	}
	for range 2 {
		_, frame, err := ws.ReadMessage()
		fmt.Println(string(frame), err)
	}
	fmt.Println(string(socket.Received()[0].Body))
	// Output:
	// 502 websocket: bad handshake
	// {"n":1} <nil>
	// {"n":2} <nil>
	// {"op":"subscribe"}
}

// A polled feed that asks for patience first.
func ExampleNewREST() {
	server, err := feeds.Start(feeds.NewREST(map[string][]http.Handler{
		"/quakes?limit=2": {feeds.TooMany(0), feeds.JSON(`[{"id":"a"}]`), feeds.JSON(`[{"id":"a"},{"id":"b"}]`)},
	}))
	if err != nil {
		panic(err)
	}
	defer func() { _ = server.Close() }()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	for range 4 {
		answer, err := client.Get(server.URL("/quakes?limit=2"))
		if err != nil {
			panic(err)
		}
		body, _ := io.ReadAll(answer.Body)
		_ = answer.Body.Close()
		fmt.Println(answer.StatusCode, string(body))
	}
	// Output:
	// 429 {"error":"too many requests"}
	// 200 [{"id":"a"}]
	// 200 [{"id":"a"},{"id":"b"}]
	// 200 [{"id":"a"},{"id":"b"}]
}

// Messages from a seed, with ids from 1.
func ExampleGenerator() {
	generator, err := feeds.NewGenerator(feeds.GeneratorConfig{Seed: 1, Keys: []string{"BTC"}, Count: 2, Rate: 10})
	if err != nil {
		panic(err)
	}
	for message, ok := generator.Next(); ok; message, ok = generator.Next() {
		fmt.Println(string(message))
	}
	// Output:
	// {"type":"trade","id":1,"symbol":"BTC","price":"100.04","size":"4.145","time":1700000000000}
	// {"type":"trade","id":2,"symbol":"BTC","price":"100.03","size":"4.765","time":1700000000100}
}
