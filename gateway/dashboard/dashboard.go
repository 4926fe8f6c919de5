package dashboard

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"path"
	"strings"
)

//go:embed all:dist
var built embed.FS

// Config says what the page may do.
type Config struct {
	// Nodes are the URLs of the mesh's other nodes, to which the page may connect; nil means none. It is called each time
	// that the page is loaded, by several goroutines at once.
	Nodes func() []string
}

// stamp is the file of sums, which is not served.
const stamp = "sources.sha256"

// Files makes the handlers of all files, by their path: that of the page itself is "/". They take GET and HEAD.
func Files(cfg Config) (map[string]http.Handler, error) {
	dist, err := fs.Sub(built, "dist")
	if err != nil {
		return nil, fmt.Errorf("dashboard: %w", err)
	}
	return files(cfg, dist)
}

func files(cfg Config, dist fs.FS) (map[string]http.Handler, error) {
	handlers := make(map[string]http.Handler)
	err := fs.WalkDir(dist, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || name == stamp {
			return err
		}
		body, err := fs.ReadFile(dist, name)
		if err != nil {
			return err
		}
		f, err := newFile(name, body)
		if err != nil {
			return err
		}
		if name == "index.html" {
			handlers["/"] = page{f, cfg.Nodes}
			return nil
		}
		handlers["/"+name] = f
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("dashboard: %w", err)
	}
	if handlers["/"] == nil {
		return nil, errors.New("dashboard: the build has no index.html")
	}
	return handlers, nil
}

// hashed tells whether a name holds a hash of what the file is, as those of assets do.
func hashed(name string) bool { return path.Dir(name) == "assets" }

// kinds are the media types of what a build holds, whatever the machine thinks of them.
var kinds = map[string]string{
	".html":        "text/html; charset=utf-8",
	".js":          "text/javascript; charset=utf-8",
	".css":         "text/css; charset=utf-8",
	".svg":         "image/svg+xml",
	".png":         "image/png",
	".ico":         "image/x-icon",
	".txt":         "text/plain; charset=utf-8",
	".json":        "application/json",
	".webmanifest": "application/manifest+json",
	".woff2":       "font/woff2",
}

// kind is the media type of a file.
func kind(name string) (string, error) {
	k := kinds[strings.ToLower(path.Ext(name))]
	if k == "" {
		return "", fmt.Errorf("%s: of what type it is must be told in the table of types", name)
	}
	return k, nil
}
