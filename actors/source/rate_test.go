package source_test

import (
	"fmt"
	"sync/atomic"
	"testing"

	"anode/testkit/feeds"
)

// BenchmarkSocket is what one WebSocket source takes in: frames of a trade each, transformed, up to the
// journal's door.
func BenchmarkSocket(b *testing.B) {
	var sent atomic.Int64
	t := newBench(b, nil)
	socket := feeds.NewSocket(feeds.Play(func(c *feeds.Conn) error {
		for i := range b.N {
			if err := c.Text(fmt.Appendf(nil, `{"type":"match","trade_id":%d,"product_id":"BTC-USD","price":"50000.10","size":"0.001","time":"2026-11-22T10:00:00.123Z"}`, i)); err != nil {
				return err
			}
			sent.Add(1)
		}
		return nil
	}, feeds.Silence()))
	b.ReportAllocs()
	b.ResetTimer()
	t.put("name: w\nkind: websocket\nurl: %s\nstream: 'm.{product_id}'\nkey: .product_id\nnative_id: .trade_id\ntime: .time\ntransform: {where: '.type == \"match\"'}", t.serve(socket).SocketURL("/"))
	t.await("all records", func() bool { s, _ := t.Status("w"); return s.Records >= uint64(b.N) })
}
