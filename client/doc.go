// Package client is the Go client of aNode: it publishes, reads history, follows streams
// live, and asks a node all that its API answers.
//
//	c, err := client.New(client.Config{Servers: []string{"http://10.0.0.1:8080", "http://10.0.0.2:8080"}})
//	sub, err := c.Subscribe(client.Subscribe{Streams: []string{"market.>"}})
//	for event, err := range sub.All(ctx) { … }
//
// Several servers are addresses of one mesh: any node answers everything. A call goes to the
// one that answered last; when that is down (it can't be dialled, says 503, or a proxy says 502 or 504) the
// next is tried, and the call fails when none answers. A request that may have been received and
// must not be done twice is not sent again: its error says so.
//
// What a node refuses comes as a *Problem with status, code, words and, for documents, all
// their faults.
//
// A Subscription keeps what was seen, per origin, and goes on exactly there after every cut,
// at whichever server: no record is missed without a Gap that names it, none is delivered
// twice, and one origin's records come in order. It retries for ever, with jitter, until its
// context ends or a node says that retrying is of no use.
//
// A Client is safe for concurrent use. A Subscription and a Walk are for one goroutine. The
// package starts no goroutine that outlives a call but those of net/http's idle connections,
// which Close ends.
package client
