package demofeeds

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"github.com/gorilla/websocket"
)

const (
	// recentTrades come again after a connect.
	recentTrades = 10
	// heartbeatEvery is the pause between two heartbeats.
	heartbeatEvery = 2 * time.Second
	// marketPatience bounds writes, and waiting for the subscription.
	marketPatience = 10 * time.Second
	// mostRequest bounds what a client sends, in bytes.
	mostRequest = 4 << 10
)

// market is the WebSocket feed:
//
//	→ {"op":"subscribe","channel":"trades"}
//	← {"event":"subscribed","channel":"trades"}
//	← {"event":"recent","trades":[…]}
//	← {"event":"trade","id":…,"symbol":"BTC-USD","price":…,"size":…,"side":"buy","time":…}
//	← {"event":"heartbeat"}                      each two seconds
//	← {"event":"error","message":"…"}            and the connection ends
func (f *Feeds) market(w http.ResponseWriter, r *http.Request) {
	if err := f.enter(); err != nil {
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
		return
	}
	defer f.leave()
	upgrader := websocket.Upgrader{ReadBufferSize: 1 << 10, WriteBufferSize: 4 << 10}
	ws, err := upgrader.Upgrade(w, r, nil)
	if err != nil {
		f.cfg.Logger.Debug("no demo connection", "error", err)
		return
	}
	ws.SetReadLimit(mostRequest)
	ctx, cancel := context.WithCancel(f.done)
	stop := context.AfterFunc(f.done, func() { _ = ws.Close() }) // ends a read or write that waits
	defer stop()
	if err := subscribed(ws); err != nil {
		f.cfg.Logger.Debug("a demo connection ends", "error", errors.Join(err, ws.Close()))
		cancel()
		return
	}
	read := make(chan struct{})
	go func() {
		defer close(read)
		defer cancel()
		discard(ws)
	}()
	err = f.trades(ctx, ws)
	cancel()
	f.cfg.Logger.Debug("a demo connection ends", "error", errors.Join(err, ws.Close()))
	<-read
}

// subscribed waits for the subscription and answers it.
func subscribed(ws *websocket.Conn) error {
	if err := ws.SetReadDeadline(time.Now().Add(marketPatience)); err != nil {
		return err
	}
	var ask struct{ Op, Channel string }
	if err := ws.ReadJSON(&ask); err != nil {
		return errors.Join(err, send(ws, map[string]string{"event": "error", "message": "a subscription is awaited"}))
	}
	if ask.Op != "subscribe" || ask.Channel != "trades" {
		return errors.Join(errors.New("asks for what there is not"), send(ws, map[string]string{"event": "error", "message": `only {"op":"subscribe","channel":"trades"} is known here`}))
	}
	if err := ws.SetReadDeadline(time.Time{}); err != nil {
		return err
	}
	return send(ws, map[string]string{"event": "subscribed", "channel": "trades"})
}

// discard reads until there is nothing more, so that pings and closes are answered.
func discard(ws *websocket.Conn) {
	for {
		if _, _, err := ws.NextReader(); err != nil {
			return
		}
	}
}

// trades sends what was just traded and then each trade when it happens.
func (f *Feeds) trades(ctx context.Context, ws *websocket.Conn) error {
	id := newestTrade(f.cfg.Clock())
	recent := make([]trade, 0, recentTrades)
	for n := id - recentTrades + 1; n <= id; n++ {
		recent = append(recent, tradeOf(n))
	}
	if err := send(ws, map[string]any{"event": "recent", "trades": recent}); err != nil {
		return err
	}
	timer := time.NewTimer(tradeEvery)
	defer timer.Stop()
	beat := f.cfg.Clock()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-timer.C:
		}
		now := f.cfg.Clock()
		newest := newestTrade(now)
		// Who was suspended is not sent hours of trades.
		for id = max(id, newest-100*recentTrades); id < newest; {
			id++
			if err := send(ws, tradeOf(id)); err != nil {
				return err
			}
		}
		if now.Sub(beat) >= heartbeatEvery {
			beat = now
			if err := send(ws, map[string]string{"event": "heartbeat"}); err != nil {
				return err
			}
		}
		timer.Reset(min(tradeTime(id+1).Sub(now), heartbeatEvery)) // a clock that was set back holds nothing up
	}
}

func send(ws *websocket.Conn, v any) error {
	body, err := json.Marshal(v)
	if err != nil {
		return err
	}
	if err := ws.SetWriteDeadline(time.Now().Add(marketPatience)); err != nil {
		return err
	}
	return ws.WriteMessage(websocket.TextMessage, body)
}
