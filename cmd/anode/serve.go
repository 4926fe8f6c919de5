package main

import (
	"context"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"anode/cmd/anode/app"
	"anode/cmd/anode/config"
	"anode/cmd/anode/demo"
)

func newServe(sh *shell) *cobra.Command {
	cmd := &cobra.Command{
		Use: "serve", Short: "run a node",
		Long: `Run a node. When it serves it prints one line on stdout with its addresses; its log goes to stderr.
Each flag is also ANODE_<FLAG> in the environment and a key of the YAML file of --config; flags win over
environment over file. SIGTERM and Ctrl-C stop it cleanly, a second one at once; SIGHUP applies --sources again.`,
		Example: `  anode serve
  anode serve --data /var/lib/anode --http 127.0.0.1:9000 --sources ./sources
  ANODE_RETENTION_BYTES=50GiB anode serve`,
		Args: cobra.NoArgs,
	}
	config.Flags(cmd.Flags())
	tied := cmd.Flags().Bool(demo.EndFlag, false, "end when standard input ends")
	if err := cmd.Flags().MarkHidden(demo.EndFlag); err != nil { // it was made a line above
		panic(err)
	}
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		cfg, err := config.Load(cmd.Flags(), sh.environ())
		if err != nil {
			return misuse{err}
		}
		unlimited := app.LimitMemory()
		reload := make(chan os.Signal, 1)
		signal.Notify(reload, syscall.SIGHUP)
		defer signal.Stop(reload)
		ctx, cancel := context.WithCancel(cmd.Context())
		defer cancel()
		if *tied {
			go func() { // it ends with the process: a read of standard input can't be ended otherwise
				_, _ = io.Copy(io.Discard, sh.in)
				cancel()
			}()
		}
		return app.Run(ctx, cfg, app.Options{Stdout: sh.out, Stderr: sh.errs, Version: versionText(), Reload: reload, Unlimited: unlimited})
	}
	return cmd
}
