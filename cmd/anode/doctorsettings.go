package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"anode/cmd/anode/app"
	"anode/cmd/anode/clustersecret"
	"anode/cmd/anode/config"
)

// newDoctorSettings looks at what serve would find; c has the flags of the command that it belongs to.
func newDoctorSettings(c *connect) *cobra.Command {
	cmd := &cobra.Command{
		Use: "settings", Short: "look at what serve would find with the same settings: the mesh port, the secret, the nodes to join; exit 1 where something is wrong",
		Example: `  anode doctor settings --config /etc/anode.yaml
  anode doctor settings --mesh :7946 --cluster-secret-file secret --join other:7946`,
		Args: cobra.NoArgs,
	}
	config.Flags(cmd.Flags())
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		d := &diagnosis{connect: c, server: "settings"}
		if err := d.title("the settings of serve, on this machine"); err != nil {
			return err
		}
		if err := d.settings(cmd); err != nil {
			return err
		}
		if d.wrong {
			return errSilent
		}
		return nil
	}
	return cmd
}

// settings looks at one after the other; the rest is left out where they can't be understood.
func (d *diagnosis) settings(cmd *cobra.Command) error {
	cfg, err := config.Load(cmd.Flags(), d.sh.environ())
	if err != nil {
		return d.found("settings", false, "%v", err)
	}
	if err := d.found("settings", true, "can be understood"); err != nil {
		return err
	}
	for _, warning := range cfg.Warnings() {
		if err := d.found("settings", false, "%s", warning); err != nil {
			return err
		}
	}
	for _, look := range []func(context.Context, *config.Config) error{d.secret, d.meshPort, d.advertised, d.seeds} {
		if err := look(cmd.Context(), &cfg); err != nil {
			return err
		}
	}
	return nil
}

// secret reads the mesh's secrets, and makes none.
func (d *diagnosis) secret(_ context.Context, cfg *config.Config) error {
	from, warning, err := secretFrom(cfg)
	if err == nil && warning != "" {
		return d.found("secret", false, "%s", warning)
	}
	return d.found("secret", err == nil, "%s", orError(from, err))
}

// orError is a text, or an error's where there is one.
func orError(text string, err error) string {
	if err != nil {
		return err.Error()
	}
	return text
}

// secretFrom says where a node's secret comes from, and what is unwise about that, or why it does not come.
func secretFrom(cfg *config.Config) (from, warning string, err error) {
	path := cfg.ClusterSecretFile
	switch {
	case cfg.ClusterSecret != "":
		return "from " + clustersecret.Variable, "", nil
	case path == "":
		return "none: only nodes on this machine can join", "", nil
	}
	secrets, open, err := clustersecret.Read(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if _, err := os.Stat(filepath.Dir(path)); err != nil {
			return "", "", fmt.Errorf("%s can't be made: %w", path, err)
		}
		return path + " is made by the first start; to join a mesh that is there, copy its file", "", nil
	case err != nil:
		return "", "", err
	case open:
		return path, fmt.Sprintf("%s can be read by others than its owner: chmod 600 %s", path, path), nil
	case len(secrets) > 1:
		return fmt.Sprintf("%s: %d are accepted, the first is used", path, len(secrets)), "", nil
	}
	return path, "", nil
}

// meshPort binds the port for a moment.
func (d *diagnosis) meshPort(_ context.Context, cfg *config.Config) error {
	n, err := app.OpenMesh(cfg.Mesh)
	if err != nil {
		return d.found("mesh", false, "%v%s", err, hint(err))
	}
	at := n.Local()
	if err := n.Close(); err != nil {
		return d.found("mesh", false, "%v", err)
	}
	return d.found("mesh", true, "%s is free for TCP and UDP", at)
}

// netPatience bounds a look at another machine.
const netPatience = 3 * time.Second

// advertised resolves the name that other nodes are told.
func (d *diagnosis) advertised(ctx context.Context, cfg *config.Config) error {
	if cfg.AdvertiseMesh == "" {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, netPatience)
	defer cancel()
	addrs, err := net.DefaultResolver.LookupHost(ctx, config.HostOf(cfg.AdvertiseMesh))
	if err != nil {
		return d.found("advertise", false, "%s can't be resolved, and a node starts with an address only: %v", cfg.AdvertiseMesh, err)
	}
	return d.found("advertise", true, "others are told %s, of %s", cfg.AdvertiseMesh, strings.Join(addrs, ", "))
}

// seeds calls all nodes to join at once, by TCP: whether datagrams get through only a mesh tells.
func (d *diagnosis) seeds(ctx context.Context, cfg *config.Config) error {
	ctx, cancel := context.WithTimeout(ctx, netPatience)
	defer cancel()
	details, faults := make([]string, len(cfg.Join)), make([]error, len(cfg.Join))
	var calls sync.WaitGroup
	for i, seed := range cfg.Join {
		calls.Go(func() { details[i], faults[i] = call(ctx, seed) })
	}
	calls.Wait()
	for i := range cfg.Join {
		if err := d.found("join", faults[i] == nil, "%s", orError(details[i], faults[i])); err != nil {
			return err
		}
	}
	return nil
}

// call connects to a seed.
func call(ctx context.Context, seed string) (string, error) {
	var dialer net.Dialer
	began := time.Now()
	conn, err := dialer.DialContext(ctx, "tcp", seed)
	var unknown *net.DNSError
	switch {
	case errors.As(err, &unknown):
		return "", fmt.Errorf("%s can't be resolved: %w", seed, err)
	case err != nil:
		return "", fmt.Errorf("%s does not answer: %w (is a node started there with --mesh on that address, and do firewalls let TCP and UDP through?)", seed, err)
	}
	took := time.Since(began).Round(100 * time.Microsecond)
	return fmt.Sprintf("%s answers by TCP in %s (UDP must get through too)", seed, took), conn.Close()
}
