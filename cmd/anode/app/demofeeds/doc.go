// Package demofeeds has the feeds of --demo: made-up data that the node serves below /demo/ of its
// own HTTP server and collects as it would any other feed, through the network and by a spec.
//
//	/demo/market   WebSocket: trades of eight symbols, about 20 a second; the newest come again after a connect
//	/demo/site     REST: the climate of six rooms, new each second
//	/demo/quakes   REST: a list of the newest events, mostly seen before
//	/demo/ships    server-sent events: where seven ships are, one each quarter of a second; goes on after Last-Event-ID
//	and scans of parcels, one each 0.7 seconds, pushed as a webhook does to the push source demo-parcels
//
// What they say is a function of the time alone: a restarted node goes on where it would be now, ids
// never go back, and two nodes tell the same. The functions are in walk.go, without clock or I/O.
//
// A new feed is an entry in feeds: a name, a path, a spec and a handler; or a name and a spec, and who pushes.
package demofeeds
