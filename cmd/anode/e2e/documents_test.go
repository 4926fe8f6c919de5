package e2e_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// block is a fenced block of a document: ```kind … ```.
type block struct {
	kind, text string
	line       int
}

func blocks(t *testing.T, file string) []block {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var list []block
	var open *block
	for i, line := range strings.Split(string(text), "\n") {
		fence, kind, is := strings.Cut(line, "```")
		switch {
		case is && open == nil && strings.TrimSpace(fence) == "":
			open = &block{kind: kind, line: i + 1}
		case is && open != nil:
			list = append(list, *open)
			open = nil
		case open != nil:
			open.text += line + "\n"
		}
	}
	return list
}

// fileName is how a block says that it is a file: its first line is a comment with a name.
var fileName = regexp.MustCompile(`^# ([\w.-]+\.ya?ml)\n`)

// TestTheDocumentsCommandsRun runs every block of kind sh in the documents against a node, in order,
// in a directory that has the files which earlier blocks are.
func TestTheDocumentsCommandsRun(t *testing.T) {
	documents, err := filepath.Glob("../../../docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	ran := 0
	for _, file := range append([]string{"../../../README.md"}, documents...) {
		dir := t.TempDir()
		var n *node
		for _, b := range blocks(t, file) {
			if name := fileName.FindStringSubmatch(b.text); name != nil {
				if err := os.WriteFile(filepath.Join(dir, name[1]), []byte(b.text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			if b.kind != "sh" {
				continue
			}
			if n == nil {
				n = start(t, filepath.Join(dir, "data"))
			}
			runBlock(t, n, dir, file, b)
			ran++
		}
	}
	if ran == 0 {
		t.Error("no document has a command: this test shows nothing")
	}
}

func runBlock(t *testing.T, n *node, dir, file string, b block) {
	t.Helper()
	cmd := exec.Command("bash", "-euo", "pipefail", "-c", b.text)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "PATH="+filepath.Dir(program)+":"+os.Getenv("PATH"), "ANODE_SERVER="+n.url)
	cmd.WaitDelay = time.Second
	done := time.AfterFunc(30*time.Second, func() { _ = cmd.Process.Kill() })
	defer done.Stop()
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%s, line %d: %v\n%s\n%s", filepath.Base(file), b.line, err, b.text, out)
	}
}
