package deploy_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// parse goes through the program's sources below a directory.
func parse(t *testing.T, dir string, each func(*ast.File)) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err == nil {
			each(file)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// texts are the string literals within a node.
func texts(node ast.Node) (list []string) {
	ast.Inspect(node, func(n ast.Node) bool {
		if literal, ok := n.(*ast.BasicLit); ok && literal.Kind == token.STRING {
			if text, err := strconv.Unquote(literal.Value); err == nil {
				list = append(list, text)
			}
		}
		return true
	})
	return list
}

// alarmRows are the alarms that docs/operations.md tells of, each as the pieces between what differs.
func alarmRows(t *testing.T) (rows [][]string) {
	t.Helper()
	manual, err := os.ReadFile("../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	_, after, _ := strings.Cut(string(manual), "| alarm | means | do |\n|---|---|---|\n")
	for line := range strings.Lines(after) {
		if !strings.HasPrefix(line, "| ") {
			break
		}
		name, _, _ := strings.Cut(line[2:], " |")
		rows = append(rows, pieces(component.ReplaceAllString(name, ""), "…"))
	}
	if len(rows) < 20 {
		t.Fatalf("%d alarms are found: this test shows nothing", len(rows))
	}
	return rows
}

func pieces(text, between string) (list []string) {
	for piece := range strings.SplitSeq(text, between) {
		if piece = strings.Trim(piece, " ,:;"); piece != "" {
			list = append(list, piece)
		}
	}
	return list
}

// inOrder tells whether a text has all pieces, one after the other.
func inOrder(text string, pieces []string) bool {
	for _, piece := range pieces {
		_, after, ok := strings.Cut(text, piece)
		if !ok {
			return false
		}
		text = after
	}
	return len(pieces) > 0
}

// verb is where something is put into a text.
var verb = regexp.MustCompile(`%[+.0-9]*[a-z]`)

// component is the beginning of what a part of a node tells of itself, or of who can't be joined.
var component = regexp.MustCompile(`^(journal|hub|gossip|registry|archive|seed …(, peer …, caller …)?): `)

// TestTheManualsAlarmsAreRaised: what docs/operations.md calls an alarm the program says in these words.
func TestTheManualsAlarmsAreRaised(t *testing.T) {
	var said []string
	for _, dir := range []string{"../actors", "../storage", "../messages"} {
		parse(t, dir, func(file *ast.File) { said = append(said, texts(file)...) })
	}
	all := strings.Join(said, "\x00")
	for _, row := range alarmRows(t) {
		for _, piece := range row {
			if !strings.Contains(all, piece) {
				t.Errorf("docs/operations.md has the alarm %q: nothing says %q", strings.Join(row, "…"), piece)
			}
		}
	}
}

// TestAlarmsAreInTheManual: each alarm that the program can raise by itself, and each state of a part of the node that becomes one, has its row.
func TestAlarmsAreInTheManual(t *testing.T) {
	rows, count := alarmRows(t), 0
	known := func(reason string) bool {
		of := pieces(verb.ReplaceAllString(reason, "…"), "…")
		for _, row := range rows {
			if inOrder(reason, row) || inOrder(strings.Join(row, "…"), of) {
				return true
			}
		}
		return false
	}
	want := func(where string, node ast.Node) {
		for _, text := range texts(node) {
			if text = strings.TrimSpace(text); len(text) < 10 || !strings.Contains(text, " ") { // a part of another
				continue
			}
			count++
			if !known(text) {
				t.Errorf("%s: docs/operations.md does not tell of the alarm %q", where, text)
			}
			break
		}
	}
	parse(t, "../actors/status", func(file *ast.File) {
		ast.Inspect(file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.KeyValueExpr:
				if key, ok := n.Key.(*ast.Ident); ok && key.Name == "Reason" {
					want("status", n.Value)
				}
			case *ast.AssignStmt:
				if to, ok := n.Lhs[0].(*ast.SelectorExpr); ok && to.Sel.Name == "Reason" {
					want("status", n.Rhs[0])
				}
			}
			return true
		})
	})
	parse(t, "../actors/archive", func(file *ast.File) {
		ast.Inspect(file, func(n ast.Node) bool {
			if of, ok := n.(*ast.ReturnStmt); ok && len(of.Results) == 2 {
				if state, ok := of.Results[0].(*ast.SelectorExpr); ok && (state.Sel.Name == "StateDegraded" || state.Sel.Name == "StateFailed") {
					want("archive", of.Results[1])
				}
			}
			return true
		})
	})
	if count < 12 {
		t.Errorf("%d alarms are found: this test shows nothing", count)
	}
}
