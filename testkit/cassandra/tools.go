package cassandra

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
)

const (
	javaPackage, mavenPackage = "openjdk-17-jre-headless", "maven"

	javaHint = "Cassandra " + Version + " needs Java 17 or 11, by JAVA_HOME, in PATH or below /usr/lib/jvm: on Debian `apt-get install " +
		javaPackage + "`, elsewhere see https://adoptium.net"
	mavenHint = "its jars are got with Maven (`mvn` in PATH): on Debian `apt-get install " + mavenPackage +
		"`, elsewhere see https://maven.apache.org"
)

// fits are the versions of Java that Cassandra 5.0 supports.
func fits(version int) bool { return version == 11 || version == 17 }

// debianJava matches the programs where Debian, and others, have several versions beside each other.
const debianJava = "/usr/lib/jvm/*/bin/java"

// tools finds programs, and installs those that are missing.
type tools struct {
	javas string // a pattern of programs to look at besides JAVA_HOME and PATH
	log   *slog.Logger
}

// findJava looks for a Java that fits: the one of JAVA_HOME, of PATH, of Debian's folder.
func (t tools) findJava(ctx context.Context) (string, error) {
	var candidates, seen []string
	if dir := os.Getenv("JAVA_HOME"); dir != "" {
		candidates = append(candidates, filepath.Join(dir, "bin", "java"))
	}
	if path, err := exec.LookPath("java"); err == nil {
		candidates = append(candidates, path)
	}
	others, _ := filepath.Glob(t.javas) // the pattern is well-formed
	slices.Sort(others)
	for _, path := range append(candidates, others...) {
		version, err := javaVersion(ctx, path)
		switch {
		case err != nil:
			seen = append(seen, fmt.Sprintf("%s: %v", path, err))
		case fits(version):
			return path, nil
		default:
			seen = append(seen, fmt.Sprintf("%s is %d", path, version))
		}
	}
	if len(seen) == 0 {
		return "", errors.New("there is no java")
	}
	return "", fmt.Errorf("no java fits: %s", strings.Join(seen, ", "))
}

// versionForm finds the number in `openjdk version "17.0.15" 2025-04-15`.
var versionForm = regexp.MustCompile(`version "(\d+)`)

func javaVersion(ctx context.Context, path string) (int, error) {
	text, err := exec.CommandContext(ctx, path, "-version").CombinedOutput()
	if err != nil {
		return 0, err
	}
	m := versionForm.FindSubmatch(text)
	if m == nil {
		return 0, fmt.Errorf("says %.80q of its version", text)
	}
	return strconv.Atoi(string(m[1]))
}

func (t tools) needJava(ctx context.Context) (string, error) {
	java, err := t.findJava(ctx)
	if err == nil {
		return java, nil
	}
	if installing := t.install(ctx, javaPackage); installing != nil {
		return "", fmt.Errorf("%w: %w; %s: %w", ErrUnavailable, err, javaHint, installing)
	}
	if java, err = t.findJava(ctx); err != nil {
		return "", fmt.Errorf("%w: %w; %s", ErrUnavailable, err, javaHint)
	}
	return java, nil
}

func (t tools) needMaven(ctx context.Context) (string, error) {
	mvn, err := exec.LookPath("mvn")
	if err == nil {
		return mvn, nil
	}
	if installing := t.install(ctx, mavenPackage); installing != nil {
		return "", fmt.Errorf("%w: %w; %s: %w", ErrUnavailable, err, mavenHint, installing)
	}
	if mvn, err = exec.LookPath("mvn"); err != nil {
		return "", fmt.Errorf("%w: %w; %s", ErrUnavailable, err, mavenHint)
	}
	return mvn, nil
}

// install gets a package of Debian, for root. What others do with apt at that time is waited for.
func (t tools) install(ctx context.Context, name string) error {
	apt, err := exec.LookPath("apt-get")
	if err != nil {
		return errors.New("it is not installed by itself, as there is no apt-get")
	}
	if runtime.GOOS != "linux" || os.Geteuid() != 0 {
		return errors.New("it is not installed by itself, as this is not root")
	}
	t.log.Info("installing a package that cassandra needs", "package", name)
	const patience = "DPkg::Lock::Timeout=300"
	updating := run(ctx, apt, "-o", patience, "--quiet", "update") // of no interest where the package is had all the same
	if err := run(ctx, apt, "-o", patience, "--quiet", "--yes", "--no-install-recommends", "install", name); err != nil {
		return errors.Join(updating, err)
	}
	return nil
}

// outputKept is how much of what a program says is told when it fails: the end of it.
const outputKept = 2000

// run runs a program that asks nothing, in this process' environment, which knows of proxies and mirrors.
func run(ctx context.Context, program string, args ...string) error {
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive")
	var output bytes.Buffer
	cmd.Stdout, cmd.Stderr = &output, &output
	if err := cmd.Run(); err != nil {
		text := bytes.TrimSpace(output.Bytes())
		return fmt.Errorf("%s %s: %w: %s", filepath.Base(program), strings.Join(args, " "), err, text[max(0, len(text)-outputKept):])
	}
	return nil
}
