package app

import (
	"encoding"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"

	"anode/cmd/anode/config"
)

// newLogger logs as the configuration says.
func newLogger(cfg *config.Config, to io.Writer) *slog.Logger {
	options := &slog.HandlerOptions{Level: cfg.LogLevel}
	if cfg.LogFormat == "json" {
		options.ReplaceAttr = inWords
		return slog.New(slog.NewJSONHandler(to, options))
	}
	return slog.New(slog.NewTextHandler(to, options))
}

// inWords has JSON say what text says: a span is 1m1s and no number of nanoseconds, an address no object of its parts.
func inWords(_ []string, a slog.Attr) slog.Attr {
	switch a.Value.Kind() {
	case slog.KindDuration:
		a.Value = slog.StringValue(a.Value.Duration().String())
	case slog.KindAny:
		switch v := a.Value.Any().(type) {
		case error, json.Marshaler, encoding.TextMarshaler: // they say themselves how
		case fmt.Stringer:
			a.Value = slog.StringValue(v.String())
		}
	}
	return a
}
