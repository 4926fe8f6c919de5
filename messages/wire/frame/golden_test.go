package frame_test

import (
	"bytes"
	"encoding/hex"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"anode/messages/wire/frame"
)

var update = flag.Bool("update", false, "write the golden file of this version anew")

// golden is the file of a version: a line a sample, its name and the frame in hex.
func golden(version int) string { return filepath.Join("testdata", fmt.Sprintf("v%d.txt", version)) }

func readGolden(t *testing.T, version int) map[string][]byte {
	t.Helper()
	text, err := os.ReadFile(golden(version))
	if err != nil {
		t.Fatal(err)
	}
	frames := make(map[string][]byte)
	for line := range strings.Lines(string(text)) {
		name, digits, _ := strings.Cut(strings.TrimSpace(line), " ")
		if frames[name], err = hex.DecodeString(digits); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
	}
	return frames
}

func TestWhatEachVersionWroteIsRead(t *testing.T) {
	if *update {
		var text bytes.Buffer
		all := samples(t)
		for _, name := range slices.Sorted(maps.Keys(all)) {
			fmt.Fprintf(&text, "%s %x\n", name, frame.Append(nil, all[name]))
		}
		if err := os.WriteFile(golden(frame.Version), text.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for version := frame.Oldest; version <= frame.Version; version++ {
		for name, b := range readGolden(t, version) {
			want := samples(t)[name]
			if got, err := frame.Parse(frame.Type(b[4]), b[5:]); err != nil || !reflect.DeepEqual(got, want) {
				t.Errorf("version %d, %s: %+v, %v, want %+v", version, name, got, err, want)
			}
		}
	}
}

func TestThisVersionWritesWhatItsFileSays(t *testing.T) {
	frames := readGolden(t, frame.Version)
	for name, f := range samples(t) {
		if b := frame.Append(nil, f); !bytes.Equal(b, frames[name]) {
			t.Errorf("%s is\n%x, in the file\n%x", name, b, frames[name])
		}
	}
}
