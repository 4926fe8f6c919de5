package cassandra

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
)

const (
	java17 = "#!/bin/sh\necho 'openjdk version \"17.0.15\" 2025-04-15' >&2\n"
	java25 = "#!/bin/sh\necho 'openjdk version \"25\" 2025-09-16' >&2\n"
	// fakeMaven makes a jar, and a line in $RUNS.
	fakeMaven = "#!/bin/sh\necho run >>\"$RUNS\"\nfor a; do case $a in -DoutputDirectory=*) d=${a#*=}; /bin/mkdir -p \"$d\"; echo jar >\"$d/a.jar\";; esac; done\n"
)

// bench is a machine of programs that are scripts, and nothing else.
type bench struct {
	tools
	bin, runs string
}

func newBench(t *testing.T) bench {
	if runtime.GOOS == "windows" {
		t.Skip("SKIPPED: the programs of this test are shell scripts")
	}
	dir := t.TempDir()
	b := bench{tools{filepath.Join(dir, "jvm", "*"), slog.New(slog.DiscardHandler)}, filepath.Join(dir, "bin"), filepath.Join(dir, "runs")}
	for _, d := range []string{b.bin, filepath.Join(dir, "jvm")} {
		if err := os.Mkdir(d, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("PATH", b.bin)
	t.Setenv("JAVA_HOME", "")
	t.Setenv("HOME", dir)
	t.Setenv("XDG_CACHE_HOME", filepath.Join(dir, "cache"))
	t.Setenv("RUNS", b.runs)
	return b
}

// has puts a program on the machine.
func (b bench) has(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(b.bin, name), []byte(text), 0o700); err != nil {
		t.Fatal(err)
	}
}

func TestManyWhoInstallAtOnceInstallOnce(t *testing.T) {
	b := newBench(t)
	b.has(t, "java", java17)
	b.has(t, "mvn", fakeMaven)
	var group sync.WaitGroup
	for range 4 {
		group.Go(func() {
			h, err := install(t.Context(), b.tools)
			if err != nil {
				t.Error(err)
				return
			}
			if _, err := os.Stat(filepath.Join(h.lib, "a.jar")); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	if text, err := os.ReadFile(b.runs); err != nil || string(text) != "run\n" {
		t.Errorf("maven ran as %q, %v: want once", text, err)
	}
}

func TestAnInstallThatFailsLeavesNothing(t *testing.T) {
	b := newBench(t)
	b.has(t, "java", java17)
	b.has(t, "mvn", fakeMaven+"echo no such artifact\nexit 1\n")
	if _, err := install(t.Context(), b.tools); !errors.Is(err, ErrUnavailable) || !strings.Contains(err.Error(), "no such artifact") {
		t.Fatalf("error is %v", err)
	}
	b.has(t, "mvn", fakeMaven)
	if _, err := install(t.Context(), b.tools); err != nil {
		t.Fatalf("the next try: %v", err)
	}
}

func TestWhatIsMissingIsSaid(t *testing.T) {
	for _, c := range []struct {
		name     string
		programs map[string]string
		want     []string
	}{
		{"java", map[string]string{"mvn": fakeMaven}, []string{"there is no java", javaPackage, "no apt-get"}},
		{"a java that fits", map[string]string{"mvn": fakeMaven, "java": java25}, []string{"java is 25", javaPackage}},
		{"maven", map[string]string{"java": java17}, []string{"mvn", mavenPackage, "no apt-get"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t)
			for name, text := range c.programs {
				b.has(t, name, text)
			}
			_, err := install(t.Context(), b.tools)
			if !errors.Is(err, ErrUnavailable) {
				t.Fatalf("error is %v: want ErrUnavailable", err)
			}
			for _, want := range c.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("error is %q: want %q in it", err, want)
				}
			}
		})
	}
}

func TestRootOfADebianGetsWhatIsMissing(t *testing.T) {
	if os.Geteuid() != 0 || runtime.GOOS != "linux" {
		t.Skip("SKIPPED: packages are installed for root, on Linux")
	}
	b := newBench(t)
	for _, made := range []struct{ name, pkg, text string }{{"java", javaPackage, java17}, {"mvn", mavenPackage, fakeMaven}} {
		file := filepath.Join(t.TempDir(), made.name)
		if err := os.WriteFile(file, []byte(made.text), 0o700); err != nil {
			t.Fatal(err)
		}
		t.Setenv("MADE_"+made.name, file)
	}
	b.has(t, "apt-get", fmt.Sprintf("#!/bin/sh\nfor a; do case $a in %s) /bin/cp \"$MADE_java\" %[3]s;; %[2]s) /bin/cp \"$MADE_mvn\" %[3]s;; esac; done\n",
		javaPackage, mavenPackage, b.bin))
	if _, err := install(t.Context(), b.tools); err != nil {
		t.Fatal(err)
	}
}

func TestAnotherJavaThanThatOfPathIsFound(t *testing.T) {
	b := newBench(t)
	b.has(t, "java", java25)
	other := strings.TrimSuffix(b.javas, "*") + "java17"
	if err := os.WriteFile(other, []byte(java17), 0o700); err != nil {
		t.Fatal(err)
	}
	if java, err := b.findJava(t.Context()); java != other {
		t.Errorf("java is %q, %v: want %q", java, err, other)
	}
}
