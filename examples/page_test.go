package examples_test

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"anode/actors/source/capture"
)

var update = flag.Bool("update", false, "write docs/sources.md anew, of the specs and their samples")

// TestThePageOfExamplesIsOfTheseExamples holds docs/sources.md to the specs; -update writes it.
func TestThePageOfExamplesIsOfTheseExamples(t *testing.T) {
	cases, bare, err := capture.Find("sources")
	if err != nil || len(bare) > 0 || len(cases) < 20 {
		t.Fatalf("%d specs have samples, these have none: %v, %v", len(cases), bare, err)
	}
	want := page(t, cases)
	name := filepath.Join("..", "docs", "sources.md")
	if *update {
		if err := os.WriteFile(name, want, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := os.ReadFile(name); err != nil || !bytes.Equal(got, want) {
		t.Errorf("docs/sources.md is not what the examples say (%v): write it with: go test ./examples -run Page -update", err)
	}
}

// page is docs/sources.md.
func page(t *testing.T, cases []capture.Case) []byte {
	t.Helper()
	var list, bodies bytes.Buffer
	for _, c := range cases {
		s, err := capture.ReadSpec(c.Spec)
		if err != nil {
			t.Fatal(err)
		}
		document, err := os.ReadFile(c.Spec)
		if err != nil {
			t.Fatal(err)
		}
		golden, err := c.Golden()
		if err != nil || len(golden) == 0 {
			t.Fatalf("%s: no golden records: %v", c.Name, err)
		}
		what, _, _ := strings.Cut(comment(document), "\n")
		fmt.Fprintf(&list, "| [%s](#%s) | %s | %s | `%s` |\n", s.Name, anchor(s.Name), s.Kind, what, s.Stream)
		fmt.Fprintf(&bodies, "\n## %s\n\n```yaml\n%s```\n\n%s:\n\n```json\n%s\n```\n", s.Name, document, sampled(len(golden)), shortened(golden[0]))
	}
	return fmt.Appendf(nil, `# Sources to begin with

Written by a test, of the specs in [examples/sources](../examples/sources) and the samples beside them. What the fields mean is in
[operations.md](operations.md); `+"`anode source try -f FILE`"+` shows what a spec makes of its feed, `+"`anode source test examples/sources`"+`
holds all of them to their samples without a network.

| spec | kind | | stream |
|---|---|---|---|
%s%s`, list.Bytes(), bodies.Bytes())
}

// comment is what a document begins with, without the marks.
func comment(document []byte) string {
	var lines []string
	for _, l := range strings.Split(string(document), "\n") {
		text, is := strings.CutPrefix(l, "#")
		if !is {
			break
		}
		lines = append(lines, strings.TrimSpace(text))
	}
	return strings.Join(lines, "\n")
}

func anchor(name string) string { return strings.NewReplacer(".", "").Replace(name) }

func sampled(records int) string {
	if records == 1 {
		return "Of its sample it makes one record"
	}
	return fmt.Sprintf("Of its sample it makes %d records, of which the first is", records)
}

// shortened is a record that fits on a page.
func shortened(line []byte) string {
	const most = 600
	if len(line) <= most {
		return string(line)
	}
	cut := line[:most]
	for !utf8.Valid(cut) {
		cut = cut[:len(cut)-1]
	}
	return string(cut) + "…"
}
