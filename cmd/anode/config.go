package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"anode/cmd/anode/config"
	"anode/messages/units"
)

func newConfig(sh *shell) *cobra.Command {
	check := &cobra.Command{
		Use: "check", Short: "read the settings of serve, from flags, environment and file, and say what is wrong",
		Args: cobra.NoArgs,
	}
	config.Flags(check.Flags())
	check.RunE = func(cmd *cobra.Command, _ []string) error {
		cfg, err := config.Load(cmd.Flags(), sh.environ())
		if err != nil {
			return err
		}
		secret, unwise, err := secretFrom(&cfg)
		if err != nil {
			return fmt.Errorf("cluster secret: %w", err)
		}
		t := sh.table("SETTING", "VALUE")
		t.row("data", cfg.Data)
		t.row("http", cfg.HTTP)
		t.row("mesh", cfg.Mesh)
		t.row("advertise-mesh", orDash(cfg.AdvertiseMesh))
		t.row("join", orDash(strings.Join(cfg.Join, ", ")))
		t.row("cluster", cfg.Cluster)
		t.row("cluster secret", secret)
		t.row("name", cfg.Name)
		t.row("sources", orDash(cfg.Sources))
		t.row("secrets", orDash(cfg.Secrets))
		t.row("durability", cfg.Durability)
		t.row("ack", cfg.Ack)
		t.row("retention-bytes", cfg.RetentionBytes.String())
		t.row("retention-age", units.FormatDuration(cfg.RetentionAge))
		t.row("disk-budget", cfg.DiskBudget.String())
		if err := t.write(sh.out, ""); err != nil {
			return err
		}
		warnings := cfg.Warnings()
		if unwise != "" {
			warnings = append(warnings, unwise)
		}
		for _, warning := range warnings {
			if _, err := fmt.Fprintln(sh.out, "warning: "+warning); err != nil {
				return err
			}
		}
		_, err = sh.out.Write([]byte("the settings are good\n"))
		return err
	}
	return group("config", "look at a node's settings", check)
}
