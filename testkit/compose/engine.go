package compose

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"
)

// ErrUnavailable is why a machine can't run containers, wrapped with the reason in words.
var ErrUnavailable = errors.New("no containers here")

// stopPatience is how long a command may take to end that was told to.
const stopPatience = 5 * time.Second

// Available tells whether an engine answers here, and has Compose of version 2.24 or later, which knows !override.
func Available(ctx context.Context) error {
	if _, err := exec.LookPath("docker"); err != nil {
		return fmt.Errorf("%w: there is no docker command", ErrUnavailable)
	}
	if _, err := docker(ctx, nil, "info", "--format", "{{.ServerVersion}}"); err != nil {
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	version, err := docker(ctx, nil, "compose", "version", "--short")
	if err != nil {
		return fmt.Errorf("%w: docker compose: %w", ErrUnavailable, err)
	}
	if !recent(version) {
		return fmt.Errorf("%w: docker compose is %s, it takes 2.24", ErrUnavailable, version)
	}
	return nil
}

// recent tells whether a version of Compose is 2.24 or later.
func recent(version string) bool {
	var major, minor int
	if _, err := fmt.Sscanf(strings.TrimPrefix(version, "v"), "%d.%d", &major, &minor); err != nil {
		return false
	}
	return major > 2 || major == 2 && minor >= 24
}

// docker runs a command of docker's, and gives what it prints. env is added to this process's.
func docker(ctx context.Context, env []string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, "docker", args...)
	cmd.Env = append(os.Environ(), env...)
	cmd.WaitDelay = stopPatience
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("docker %s: %w: %s", strings.Join(args, " "), err, tail(errs.String()))
	}
	return strings.TrimSpace(out.String()), nil
}

// tail is the end of a text, which has the reason.
func tail(text string) string {
	const most = 2000
	text = strings.TrimSpace(text)
	return text[max(0, len(text)-most):]
}
