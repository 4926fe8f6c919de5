package specfiles_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"anode/cmd/anode/specfiles"
	"anode/messages/spec"
)

func TestADirectoryStandsForItsSpecs(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"b.yml", "a.yaml", "c.JSON", ".hidden.yaml", "README.md", "d.yaml/x.yaml"} {
		name = filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(filepath.Join(dir, "nowhere"), filepath.Join(dir, "e.yaml")); err != nil {
		t.Fatal(err)
	}
	files, err := specfiles.Find(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, file := range files {
		names = append(names, filepath.Base(file))
	}
	if want := []string{"a.yaml", "b.yml", "c.JSON", "e.yaml"}; !slices.Equal(names, want) {
		t.Errorf("found %v, want %v", names, want)
	}
	if _, err := specfiles.Read(files[3]); err == nil {
		t.Error("a link to nowhere was read")
	}
	if specfiles.IsYAML("c.JSON") || !specfiles.IsYAML("b.yml") || !specfiles.IsYAML("-") {
		t.Error("the forms are not told by the names")
	}
}

func TestAFileStandsForItself(t *testing.T) {
	name := filepath.Join(t.TempDir(), "specs")
	if err := os.WriteFile(name, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if files, err := specfiles.Find(name); err != nil || !slices.Equal(files, []string{name}) || specfiles.Named(name) {
		t.Errorf("found %v, %v", files, err)
	}
	if files, err := specfiles.Find(name + ".none"); err == nil {
		t.Errorf("found %v", files)
	}
}

func TestReadIsBounded(t *testing.T) {
	if _, err := specfiles.ReadFrom(strings.NewReader(strings.Repeat("x", spec.MaxDocument+1))); err == nil {
		t.Error("more than a document was read")
	}
	if text, err := specfiles.ReadFrom(strings.NewReader(strings.Repeat("x", spec.MaxDocument))); err != nil || len(text) != spec.MaxDocument {
		t.Errorf("%d bytes, %v", len(text), err)
	}
}
