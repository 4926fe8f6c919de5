package member

import (
	"bytes"
	"context"
	"log"
	"log/slog"
)

// lines takes memberlist's log lines, "[LEVEL] memberlist: text", and logs them as debug: what people are to know
// this package says by itself.
type lines struct{ logger *slog.Logger }

func newLog(logger *slog.Logger) *log.Logger { return log.New(lines{logger}, "", 0) }

func (l lines) Write(line []byte) (int, error) {
	if l.logger.Enabled(context.Background(), slog.LevelDebug) && !bytes.Contains(line, []byte(mirrorAddr)) {
		level, text := splitLine(line)
		l.logger.Debug("memberlist", "level", level, "text", text)
	}
	return len(line), nil
}

// splitLine parts a line's level from what it says.
func splitLine(line []byte) (level, text string) {
	rest := bytes.TrimSpace(line)
	if bytes.HasPrefix(rest, []byte("[")) {
		if end := bytes.IndexByte(rest, ']'); end > 0 {
			level, rest = string(rest[1:end]), bytes.TrimSpace(rest[end+1:])
		}
	}
	return level, string(bytes.TrimPrefix(rest, []byte("memberlist: ")))
}
