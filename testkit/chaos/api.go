package chaos

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// askPatience bounds a question to a node.
const askPatience = 10 * time.Second

// Do makes a request, and gives status and body. path begins with a slash.
func (n *Node) Do(ctx context.Context, method, path, contentType string, body []byte) (int, []byte, error) {
	r, err := http.NewRequestWithContext(ctx, method, n.URL+path, bytes.NewReader(body))
	if err != nil {
		return 0, nil, err
	}
	if contentType != "" {
		r.Header.Set("Content-Type", contentType)
	}
	res, err := n.client.Do(r)
	if err != nil {
		return 0, nil, err
	}
	defer func() { _ = res.Body.Close() }()
	answer, err := io.ReadAll(res.Body)
	return res.StatusCode, answer, err
}

// Get asks for JSON, and reads it into what into points to.
func (n *Node) Get(ctx context.Context, path string, into any) error {
	ctx, cancel := context.WithTimeout(ctx, askPatience)
	defer cancel()
	status, body, err := n.Do(ctx, http.MethodGet, path, "", nil)
	if err != nil {
		return err
	}
	if status != http.StatusOK {
		return fmt.Errorf("%s %s: %d %s", n.Name, path, status, body)
	}
	return json.Unmarshal(body, into)
}

// Gossip is what the node says of its part in the mesh: peers, links, missing, and the other figures of that component.
func (n *Node) Gossip(ctx context.Context) (map[string]float64, error) {
	return n.Component(ctx, "gossip")
}

// Component are the figures of one component of the node's status.
func (n *Node) Component(ctx context.Context, name string) (map[string]float64, error) {
	var status struct {
		Components []struct {
			Name    string             `json:"name"`
			Figures map[string]float64 `json:"figures"`
		} `json:"components"`
	}
	if err := n.Get(ctx, "/api/v1/status", &status); err != nil {
		return nil, err
	}
	for _, c := range status.Components {
		if c.Name == name {
			return c.Figures, nil
		}
	}
	return nil, fmt.Errorf("%s has no component %s", n.Name, name)
}

// Peer is a node as another one sees it.
type Peer struct {
	ID    string `json:"id"`
	Name  string `json:"name"`
	State string `json:"state"`
	Self  bool   `json:"self"`
	Mesh  string `json:"mesh"`
}

// Cluster is the mesh as the node sees it.
func (n *Node) Cluster(ctx context.Context) ([]Peer, error) {
	var view struct {
		Nodes []Peer `json:"nodes"`
	}
	err := n.Get(ctx, "/api/v1/cluster", &view)
	return view.Nodes, err
}

// Metric is the sum of a metric's lines whose text has all of the given words, such as `reason="proof"`.
func (n *Node) Metric(ctx context.Context, name string, words ...string) (float64, error) {
	ctx, cancel := context.WithTimeout(ctx, askPatience)
	defer cancel()
	status, body, err := n.Do(ctx, http.MethodGet, "/metrics", "", nil)
	if err != nil || status != http.StatusOK {
		return 0, fmt.Errorf("%s /metrics: %d %w", n.Name, status, err)
	}
	sum := 0.0
lines:
	for line := range strings.Lines(string(body)) {
		series, value, ok := strings.Cut(strings.TrimSpace(line), " ")
		if base, _, _ := strings.Cut(series, "{"); !ok || base != name {
			continue
		}
		for _, w := range words {
			if !strings.Contains(series, w) {
				continue lines
			}
		}
		var v float64
		if _, err := fmt.Sscan(value, &v); err != nil {
			return 0, fmt.Errorf("%s /metrics: %q", n.Name, line)
		}
		sum += v
	}
	return sum, nil
}

// Streams are the streams of a pattern and how many records the node holds of each.
func (n *Node) Streams(ctx context.Context, pattern string) (map[string]int, error) {
	counts := make(map[string]int)
	for next := ""; ; {
		var page struct {
			Items []struct {
				Name    string `json:"name"`
				Records int    `json:"records"`
			} `json:"items"`
			Next string `json:"next"`
		}
		path := "/api/v1/streams?match=" + url.QueryEscape(pattern)
		if next != "" {
			path = "/api/v1/streams?page=" + url.QueryEscape(next)
		}
		if err := n.Get(ctx, path, &page); err != nil {
			return nil, err
		}
		for _, item := range page.Items {
			counts[item.Name] = item.Records
		}
		if next = page.Next; next == "" {
			return counts, nil
		}
	}
}

// History reads all that the node holds of a stream.
func (n *Node) History(ctx context.Context, stream string) ([]Record, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, n.URL+"/api/v1/streams/"+stream+"/records", nil)
	if err != nil {
		return nil, err
	}
	r.Header.Set("Accept", "application/x-ndjson")
	res, err := n.client.Do(r)
	if err != nil {
		return nil, err
	}
	defer func() { _ = res.Body.Close() }()
	if res.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s: history of %s: %s", n.Name, stream, res.Status)
	}
	var list []Record
	s := bufio.NewScanner(res.Body)
	s.Buffer(nil, maxLine)
	for s.Scan() {
		var record Record
		if err := json.Unmarshal(s.Bytes(), &record); err != nil {
			return nil, fmt.Errorf("%s: history of %s has the line %q", n.Name, stream, s.Text())
		}
		list = append(list, record)
	}
	return list, s.Err()
}

// maxLine is the longest line that a node sends: a record of 1 MiB, escaped.
const maxLine = 8 << 20
