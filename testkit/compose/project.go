package compose

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"os"
	"path/filepath"
	"strings"
)

// Config says what is run.
type Config struct {
	// Dir is the project's directory, where docker-compose.yml is; required.
	Dir string
	// Purpose tells projects of one working copy apart: lower-case letters; required.
	Purpose string
	// Limit bounds the nodes' containers.
	Limit Limit
	// Log is told each command before it runs; nil is nobody.
	Log func(line string)
}

// Project is docker-compose.yml under a name of its own. Close ends it.
type Project struct {
	cfg  Config
	name string
	at   *ports
	dir  string // of the override
}

// Open makes a Project that runs nothing yet.
func Open(ctx context.Context, cfg Config) (*Project, error) {
	if err := Available(ctx); err != nil {
		return nil, err
	}
	dir, err := filepath.Abs(cfg.Dir)
	if err != nil {
		return nil, err
	}
	cfg.Dir = dir
	if cfg.Log == nil {
		cfg.Log = func(string) {}
	}
	hash := fnv.New32a()
	_, _ = hash.Write([]byte(dir)) // it never fails
	p := &Project{cfg: cfg, name: fmt.Sprintf("anode-%s-%08x", cfg.Purpose, hash.Sum32())}
	if p.at, err = freePorts(); err != nil {
		return nil, err
	}
	if p.dir, err = os.MkdirTemp("", p.name); err != nil {
		return nil, err
	}
	if err = os.WriteFile(p.override(), []byte(p.at.text(cfg.Limit)), 0o600); err == nil {
		err = p.clear(ctx)
	}
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(p.dir))
	}
	return p, nil
}

func (p *Project) override() string { return filepath.Join(p.dir, "override.yml") }

// Image is the name of the nodes' image.
func (p *Project) Image() string { return p.name + ":test" }

// URL is where a node is reached from here, 1 to Nodes.
func (p *Project) URL(node int) string { return fmt.Sprintf("http://127.0.0.1:%d", p.at.nodes[node-1]) }

// Database is where the database is reached from here, HOST:PORT.
func (p *Project) Database() string { return fmt.Sprintf("127.0.0.1:%d", p.at.database) }

// Node is the name of a node's service.
func Node(node int) string { return fmt.Sprintf("node-%d", node) }

// Compose runs a command of docker compose on the project, and gives what it prints.
func (p *Project) Compose(ctx context.Context, args ...string) (string, error) {
	return p.compose(ctx, nil, args...)
}

func (p *Project) compose(ctx context.Context, env []string, args ...string) (string, error) {
	p.cfg.Log("docker compose " + strings.Join(args, " "))
	all := append([]string{"compose", "--ansi", "never", "--progress", "plain", "--project-directory", p.cfg.Dir}, args...)
	return docker(ctx, append(p.Environ(), env...), all...)
}

// Environ are the variables that make any docker compose command one on the project.
func (p *Project) Environ() []string {
	files := filepath.Join(p.cfg.Dir, "docker-compose.yml") + string(os.PathListSeparator) + p.override()
	return []string{"COMPOSE_PROJECT_NAME=" + p.name, "COMPOSE_FILE=" + files, "ANODE_IMAGE=" + p.Image()}
}

// Docker runs a command of docker's, and gives what it prints.
func (p *Project) Docker(ctx context.Context, args ...string) (string, error) {
	p.cfg.Log("docker " + strings.Join(args, " "))
	return docker(ctx, nil, args...)
}

// Build makes the image; version is what the program in it says of itself.
func (p *Project) Build(ctx context.Context, version string) error {
	_, err := p.compose(ctx, []string{"ANODE_VERSION=" + version}, "build")
	return err
}

// Container is the container of a service's nth replica, running or not, from 1.
func (p *Project) Container(service string, n int) string {
	return fmt.Sprintf("%s-%s-%d", p.name, service, n)
}

// Cut takes a node off the network of the others and of the database.
func (p *Project) Cut(ctx context.Context, node int) error {
	_, err := p.Docker(ctx, "network", "disconnect", p.name+"_default", p.Container(Node(node), 1))
	return err
}

// Mend puts it back. It may have another address there.
func (p *Project) Mend(ctx context.Context, node int) error {
	_, err := p.Docker(ctx, "network", "connect", "--alias", Node(node), p.name+"_default", p.Container(Node(node), 1))
	return err
}

// Left are what is left of the project: containers, volumes and networks by their names.
func (p *Project) Left(ctx context.Context) ([]string, error) {
	var left []string
	label := "label=com.docker.compose.project=" + p.name
	for _, args := range [][]string{
		{"ps", "--all", "--filter", label, "--format", "{{.Names}}"},
		{"volume", "ls", "--filter", label, "--format", "{{.Name}}"},
		{"network", "ls", "--filter", label, "--format", "{{.Name}}"},
	} {
		out, err := docker(ctx, nil, args...)
		if err != nil {
			return nil, err
		}
		left = append(left, strings.Fields(out)...)
	}
	return left, nil
}

// Down ends all containers and takes away what they stored.
func (p *Project) Down(ctx context.Context) error {
	_, err := p.Compose(ctx, "down", "--volumes", "--remove-orphans")
	return err
}

// clear takes away what a run left that was killed.
func (p *Project) clear(ctx context.Context) error {
	left, err := p.Left(ctx)
	if err != nil || len(left) == 0 {
		return err
	}
	_, err = p.Compose(ctx, "down", "--volumes", "--remove-orphans", "--timeout", "0")
	return err
}

// Close takes away all that is left, and the image.
func (p *Project) Close(ctx context.Context) error {
	err := p.clear(ctx)
	if _, here := docker(ctx, nil, "image", "inspect", p.Image()); here == nil {
		_, gone := docker(ctx, nil, "image", "rm", "--force", p.Image())
		err = errors.Join(err, gone)
	}
	return errors.Join(err, os.RemoveAll(p.dir))
}
