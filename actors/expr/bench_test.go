package expr

import (
	"context"
	"strings"
	"testing"
)

func benchmarkProgram(b *testing.B, text, input string) {
	p, err := newEngine().Compile(text)
	if err != nil {
		b.Fatal(err)
	}
	v := decode(b, input)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := p.Run(context.Background(), v, Env{}); err != nil {
			b.Fatal(err)
		}
	}
}

const trade = `{"type":"match","product_id":"BTC-USD","price":"30000.10","size":"0.01","time":"2026-11-22T10:00:00Z","trade_id":118,"seq":5}`

func BenchmarkMap(b *testing.B) {
	benchmarkProgram(b, `{product_id, price, size, t: .time, n: .trade_id}`, trade)
}

func BenchmarkWhere(b *testing.B) { benchmarkProgram(b, `.type == "match" and .trade_id > 100`, trade) }

func BenchmarkSplit(b *testing.B) {
	benchmarkProgram(b, `.[] | select(.price) | {product_id, p: (.price | tonumber), k: "\(.product_id):\(.trade_id)"}`, "["+strings.TrimSuffix(strings.Repeat(trade+",", 50), ",")+"]")
}

func BenchmarkCompile(b *testing.B) {
	e := newEngine()
	b.ReportAllocs()
	for b.Loop() {
		if err := e.Check(`.items[] | select(.price > 1) | {symbol, price, at: ($meta.received | fromdate), s: (.tags | map(ascii_downcase) | join(","))}`); err != nil {
			b.Fatal(err)
		}
	}
}
