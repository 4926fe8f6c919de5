package main

import (
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"anode/client"
	"anode/cmd/anode/config"
)

// connect is how a command reaches its mesh, and in which form it prints.
type connect struct {
	sh            *shell
	server, token string
	output        string
	// settings are those of the node that is asked where no server is given; nil has none but the environment's.
	settings *pflag.FlagSet
}

// clientCommand gives a command the flags of all that talk to a node.
func clientCommand(sh *shell, cmd *cobra.Command) *connect {
	c := &connect{sh: sh}
	flags := cmd.PersistentFlags()
	flags.StringVar(&c.server, "server", "", "`URL`, or URLs with commas between, of nodes of one mesh: the next is tried when one is down (ANODE_SERVER; default "+client.DefaultServer+")")
	flags.StringVar(&c.token, "token", "", "bearer `TOKEN` (ANODE_TOKEN)")
	flags.StringVarP(&c.output, "output", "o", "", "`FORM`: table, or json: the API's own objects, one a line for lists")
	cmd.PersistentPreRunE = func(*cobra.Command, []string) error {
		if c.output != "" && c.output != "table" && c.output != "json" {
			return misusef("output %q is neither table nor json", c.output)
		}
		return nil
	}
	_ = cmd.RegisterFlagCompletionFunc("output", cobra.FixedCompletions([]string{"table", "json"}, cobra.ShellCompDirectiveNoFileComp)) // the flag is there
	return c
}

// client makes the client that flags and environment ask for.
func (c *connect) client() (*client.Client, error) {
	servers, token := c.server, c.token
	if servers == "" {
		servers = c.sh.getenv("ANODE_SERVER")
	}
	if servers == "" {
		var err error
		if servers, err = c.local(); err != nil {
			return nil, misuse{err}
		}
	}
	if token == "" {
		token = c.sh.getenv("ANODE_TOKEN")
	}
	cfg := client.Config{Token: token}
	for _, s := range strings.Split(servers, ",") {
		if s = strings.TrimSpace(s); s != "" {
			cfg.Servers = append(cfg.Servers, s)
		}
	}
	made, err := client.New(cfg)
	if err != nil {
		return nil, misuse{err}
	}
	return made, nil
}

// local is the node whose settings the command has, by flags or, as in its container, by environment; empty where it has none.
func (c *connect) local() (string, error) {
	flags := c.settings
	if flags == nil {
		if !config.OwnSettings(c.sh.environ()) {
			return "", nil
		}
		flags = pflag.NewFlagSet("", pflag.ContinueOnError)
		config.Flags(flags)
	}
	return config.Local(flags, c.sh.environ())
}

// json tells whether objects are wanted.
func (c *connect) json() bool { return c.output == "json" }

// run makes a command's function of one that needs a client.
func (c *connect) run(do func(cmd *cobra.Command, c *client.Client, args []string) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		made, err := c.client()
		if err != nil {
			return err
		}
		defer made.Close()
		return do(cmd, made, args)
	}
}
