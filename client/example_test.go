package client_test

import (
	"context"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/gorilla/websocket"

	"anode/client"
)

// exampleNode stands for a node of a mesh.
func exampleNode() *httptest.Server {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /api/v1/records", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, `{"records":[{"id":"n1-1-1-0"}]}`)
	})
	mux.HandleFunc("GET /api/v1/streams/lab.a.temp/records", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, `{"items":[`+temperature("n1-1-1-0", "20.5")+`],"cursor":["n1-1-1-0"]}`)
	})
	upgrader := websocket.Upgrader{Subprotocols: []string{"anode.v1.json"}}
	mux.HandleFunc("GET /api/v1/subscribe", func(w http.ResponseWriter, r *http.Request) {
		ws, err := upgrader.Upgrade(w, r, nil)
		if err != nil {
			return
		}
		defer ws.Close()
		if _, _, err := ws.ReadMessage(); err != nil {
			return
		}
		for _, m := range []string{
			`{"op":"subscribed","sub":"0","after":["n1-1-1-0"],"nodes":[]}`,
			`{"op":"records","sub":"0","stream":"lab.a.temp","pos":"n1-1-2-0","records":[` + temperature("n1-1-2-0", "21.5") + `]}`,
			`{"op":"live","sub":"0"}`,
		} {
			if err := ws.WriteMessage(websocket.TextMessage, []byte(m)); err != nil {
				return
			}
		}
		_, _, _ = ws.ReadMessage() // until the client goes
	})
	return httptest.NewServer(mux)
}

func temperature(id, degrees string) string {
	return `{"id":"` + id + `","stream":"lab.a.temp","key":"room1","time":"2026-11-22T10:00:00Z","received":"2026-11-22T10:00:00Z","data":{"c":` + degrees + `}}`
}

func Example() {
	node := exampleNode()
	defer node.Close()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()

	c, err := client.New(client.Config{Servers: []string{node.URL}})
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close()

	published, err := c.Publish(ctx, client.Draft{Stream: "lab.a.temp", Key: "room1", Payload: []byte(`{"c": 20.5}`)})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("published", published.ID)

	// What is held, and then what comes, without a gap between.
	walk := c.History(client.History{Stream: "lab.a.temp"})
	for record, err := range walk.All(ctx) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println("held", record.Key, string(record.Data))
	}
	after, _ := walk.Cursor()
	sub, err := c.Subscribe(client.Subscribe{Streams: []string{"lab."}, After: &after})
	if err != nil {
		log.Fatal(err)
	}
	defer sub.Close()
	for event, err := range sub.All(ctx) {
		if err != nil {
			log.Fatal(err)
		}
		switch e := event.(type) {
		case *client.Record:
			fmt.Println("live", e.Key, string(e.Data))
		case client.Gap:
			fmt.Println("gap", e.From, e.To, e.Reason)
		case client.Live:
			cursor, _ := sub.Cursor()
			fmt.Println("caught up at", cursor) // what a program keeps to go on after a restart
			return
		}
	}
	// Output:
	// published n1-1-1-0
	// held room1 {"c":20.5}
	// live room1 {"c":21.5}
	// caught up at n1-1-2-0
}
