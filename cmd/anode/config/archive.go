package config

import (
	"cmp"
	"errors"
	"strings"

	"anode/messages"
	"anode/storage/cassandra"
)

// archive reads where records are kept for longer; nil is nowhere.
func (r *reader) archive() *cassandra.Config {
	url, credentials := r.text("archive"), r.text("archive-credentials")
	streams, err := messages.ParseShortPattern(cmp.Or(r.text("archive-streams"), string(messages.Everything)))
	if err != nil {
		r.fault("archive-streams", err)
	}
	if url == "" {
		for name, set := range map[string]bool{"archive-credentials": credentials != "", "archive-streams": err == nil && streams != messages.Everything} {
			if set {
				r.fault(name, errors.New("there is no archive without --archive URL"))
			}
		}
		return nil
	}
	cfg, err := cassandra.Parse(url)
	if err != nil {
		r.fault("archive", errors.New(strings.TrimPrefix(err.Error(), "archive: ")))
		return nil
	}
	cfg.Credentials, cfg.Streams = credentials, streams
	return &cfg
}
