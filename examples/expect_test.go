package examples_test

import (
	"bytes"
	"encoding/json"
	"maps"
	"net/url"
	"path"
	"strconv"
	"strings"
	"testing"
	"time"
)

type object = map[string]any

// with is a copy of an object with more members.
func with(o object, more object) object {
	all := maps.Clone(o)
	maps.Copy(all, more)
	return all
}

// text is a scalar's text; nothing for what is not there.
func text(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case json.Number:
		return v.String()
	}
	return ""
}

func whole(t *testing.T, digits string) int64 {
	t.Helper()
	n, err := strconv.ParseInt(digits, 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func binanceStreams(t *testing.T, frame any, _ []byte, _ string) []wanted {
	f := frame.(object)
	data := f["data"].(object)
	channel := strings.Split(f["stream"].(string), "@")[1]
	w := wanted{stream: "market.binance." + channel + "." + data["s"].(string), key: data["s"].(string), data: with(data, object{"channel": channel})}
	switch channel {
	case "depth":
		w.native, w.time = text(data["u"]), time.UnixMilli(whole(t, text(data["E"])))
	case "bookTicker":
		w.native = text(data["u"])
	case "aggTrade":
		w.native, w.time = text(data["a"]), time.UnixMilli(whole(t, text(data["T"])))
	default:
		if !strings.HasPrefix(channel, "kline_") {
			t.Fatalf("channel %s was not known", channel)
		}
		w.time = time.UnixMilli(whole(t, text(data["E"])))
	}
	return []wanted{w}
}

func bitstampChannels(t *testing.T, frame any, raw []byte, _ string) []wanted {
	f := frame.(object)
	if f["event"] != "trade" && f["event"] != "data" {
		return nil
	}
	data, channel := f["data"].(object), f["channel"].(string)
	var compact bytes.Buffer
	if err := json.Compact(&compact, raw); err != nil {
		t.Fatal(err)
	}
	return []wanted{{
		stream: "market.bitstamp." + channel, key: channel[strings.LastIndexByte(channel, '_')+1:], native: text(data["id"]),
		time: time.UnixMicro(whole(t, text(data["microtimestamp"]))), raw: compact.Bytes(),
	}}
}

func coinbaseMarket(t *testing.T, frame any, _ []byte, _ string) []wanted {
	f := frame.(object)
	kind := f["type"].(string)
	switch kind {
	case "subscriptions", "heartbeat":
		return nil
	case "last_match":
		kind = "match"
	}
	product := f["product_id"].(string)
	w := wanted{stream: "market.coinbase." + kind + "." + product, key: product, native: text(f["trade_id"]), data: with(f, object{"type": kind})}
	if at := text(f["time"]); at != "" {
		var err error
		if w.time, err = time.Parse(time.RFC3339, at); err != nil {
			t.Fatal(err)
		}
	}
	return []wanted{w}
}

func krakenBook(t *testing.T, frame any, _ []byte, _ string) []wanted {
	list, ok := frame.([]any)
	if !ok {
		return nil
	}
	n := len(list)
	book, newest := make(object), ""
	for _, part := range list[1 : n-2] {
		maps.Copy(book, part.(object))
	}
	for _, side := range book {
		levels, ok := side.([]any)
		if !ok { // the checksum
			continue
		}
		for _, level := range levels {
			newest = max(newest, level.([]any)[2].(string)) // all have ten digits, a point and six
		}
	}
	seconds, micros, _ := strings.Cut(newest, ".")
	pair, channel := list[n-1].(string), list[n-2].(string)
	return []wanted{{
		stream: "market.kraken." + channel + "." + strings.ReplaceAll(pair, "/", "_"), key: pair,
		time: time.Unix(whole(t, seconds), 1000*whole(t, micros)),
		data: object{"pair": pair, "channel": channel, "book": book},
	}}
}

func okxPublic(t *testing.T, frame any, _ []byte, _ string) []wanted {
	f := frame.(object)
	list, ok := f["data"].([]any)
	if !ok {
		return nil
	}
	arg := f["arg"].(object)
	var all []wanted
	for _, v := range list {
		data := with(v.(object), object{"channel": arg["channel"], "instId": arg["instId"]})
		if action, ok := f["action"]; ok {
			data["action"] = action
		}
		instrument := arg["instId"].(string)
		all = append(all, wanted{
			stream: "market.okx." + arg["channel"].(string) + "." + instrument, key: instrument, native: text(data["tradeId"]),
			time: time.UnixMilli(whole(t, text(data["ts"]))), data: data,
		})
	}
	return all
}

func binanceDepth(t *testing.T, frame any, _ []byte, address string) []wanted {
	f, symbol := frame.(object), query(t, address, "symbol")
	return []wanted{{stream: "market.binance.book." + symbol, key: symbol, native: text(f["lastUpdateId"]), data: with(f, object{"symbol": symbol})}}
}

func bitstampBook(t *testing.T, frame any, _ []byte, address string) []wanted {
	f, pair := frame.(object), path.Base(address)
	first := func(side string) []any {
		levels := f[side].([]any)
		return levels[:min(20, len(levels))]
	}
	micros := text(f["microtimestamp"])
	return []wanted{{
		stream: "market.bitstamp.book." + pair, key: pair, native: micros, time: time.UnixMicro(whole(t, micros)),
		data: object{"pair": pair, "microtimestamp": micros, "bids": first("bids"), "asks": first("asks")},
	}}
}

func gateioBook(t *testing.T, frame any, _ []byte, address string) []wanted {
	f, pair := frame.(object), query(t, address, "currency_pair")
	var all []wanted
	for _, side := range []string{"bid", "ask"} {
		levels := f[side+"s"].([]any)
		all = append(all, wanted{
			stream: "market.gateio.book." + pair + "." + side, key: pair, native: text(f["id"]),
			data: object{"pair": pair, "side": side, "id": f["id"], "levels": levels, "best": levels[0].([]any)[0]},
		})
	}
	return all
}

func query(t *testing.T, address, name string) string {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	return u.Query().Get(name)
}
