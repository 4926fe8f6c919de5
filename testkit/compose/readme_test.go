package compose_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"anode/testkit/compose"
)

// TestTheReadmesCommands runs what README.md tells a newcomer who has nothing but Docker, line by line, and tells how long
// each takes.
func TestTheReadmesCommands(t *testing.T) {
	project, ctx := compose.ForTest(t, compose.Config{Dir: "../..", Purpose: "readme"})
	text, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	began, ran := time.Now(), 0
	for line := range strings.Lines(string(text)) {
		if !strings.HasPrefix(line, "docker ") {
			continue
		}
		ran++
		cmd := exec.CommandContext(ctx, "bash", "-euo", "pipefail", "-c", line)
		cmd.Dir, cmd.Env, cmd.WaitDelay = "../..", append(os.Environ(), project.Environ()...), time.Second
		out, err := cmd.CombinedOutput()
		t.Logf("%5.1fs  %s", time.Since(began).Seconds(), strings.TrimSpace(line))
		if err != nil {
			t.Fatalf("%s%v\n%s", line, err, out)
		}
	}
	if ran < 3 {
		t.Errorf("README.md has %d commands of Docker: this test shows nothing", ran)
	}
	left, err := project.Left(ctx)
	if err != nil || len(left) > 0 {
		t.Errorf("they leave %s, %v", left, err)
	}
}

// TestTheDockerfilesCommand runs what the Dockerfile's head says, but for where it is published, until the node is healthy.
func TestTheDockerfilesCommand(t *testing.T) {
	project, ctx := compose.ForTest(t, compose.Config{Dir: "../..", Purpose: "lone"})
	if err := project.Build(ctx, "lone"); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile("../../Dockerfile")
	if err != nil {
		t.Fatal(err)
	}
	_, line, _ := strings.Cut(string(text), "#   docker run --rm -p 127.0.0.1:8080:8080 -v anode:/data anode ")
	line, _, found := strings.Cut(line, "\n")
	if !found {
		t.Fatal("the Dockerfile does not say how it is run")
	}
	name := project.Container("lone", 1)
	args := append([]string{"run", "--detach", "--rm", "--name", name, project.Image()}, strings.Fields(line)...)
	if _, err := project.Docker(ctx, args...); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if _, err := project.Docker(ctx, "rm", "--force", "--volumes", name); err != nil {
			t.Error(err)
		}
	}()
	for state := ""; state != "healthy"; time.Sleep(200 * time.Millisecond) {
		if state, err = project.Docker(ctx, "inspect", "--format", "{{.State.Health.Status}}", name); err != nil {
			t.Fatal(err)
		}
	}
}

// TestTheMonitoringFileFits: docker-compose.monitoring.yml goes with the other, and what it mounts is there.
func TestTheMonitoringFileFits(t *testing.T) {
	project, ctx := compose.ForTest(t, compose.Config{Dir: "../..", Purpose: "monitoring"})
	out, err := project.Docker(ctx, "compose", "--project-directory", "../..", "--file", "../../docker-compose.yml", "--file", "../../docker-compose.monitoring.yml",
		"config", "--format", "json")
	if err != nil {
		t.Fatal(err)
	}
	var whole struct {
		Services map[string]struct {
			Volumes []struct{ Type, Source string }
			Ports   []struct {
				HostIP string `json:"host_ip"`
			}
		}
	}
	if err := json.Unmarshal([]byte(out), &whole); err != nil {
		t.Fatal(err)
	}
	mounts := 0
	for name, service := range whole.Services {
		for _, volume := range service.Volumes {
			if volume.Type != "bind" {
				continue
			}
			mounts++
			if _, err := os.Stat(volume.Source); err != nil {
				t.Errorf("%s mounts what is not there: %v", name, err)
			}
		}
		for _, port := range service.Ports {
			if port.HostIP != "127.0.0.1" {
				t.Errorf("%s listens at %q", name, port.HostIP)
			}
		}
	}
	if mounts == 0 || len(whole.Services) < 9 {
		t.Errorf("%d services mount %d files: this test shows nothing", len(whole.Services), mounts)
	}
}
