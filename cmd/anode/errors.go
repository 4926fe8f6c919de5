package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"anode/client"
	"anode/messages/spec"
	"anode/storage"
)

// Exit codes.
const (
	exitDone = iota
	exitFailed
	exitMisused
)

// misuse is a command line that can't be understood.
type misuse struct{ err error }

func (m misuse) Error() string { return m.err.Error() }
func (m misuse) Unwrap() error { return m.err }

func misusef(format string, args ...any) error { return misuse{fmt.Errorf(format, args...)} }

// errSilent fails a command that has said why.
var errSilent = errors.New("failed")

// exitCode is what a command's error makes of the process.
func exitCode(err error) int {
	var m misuse
	switch {
	case err == nil, errors.Is(err, syscall.EPIPE):
		return exitDone
	case errors.As(err, &m):
		return exitMisused
	}
	return exitFailed
}

// errorText is an error in one line, and one or more for each fault of a document, that says what to do, or empty where nothing is to be said: who
// closed the output early, as head does, wants to hear no more.
func errorText(ctx context.Context, err error, command string) string {
	var m misuse
	switch {
	case err == nil, errors.Is(err, errSilent), errors.Is(err, syscall.EPIPE):
		return ""
	case errors.As(err, &m):
		return oneLine(err.Error()) + " (see: " + command + " --help)"
	case ctx.Err() != nil && errors.Is(err, context.Cause(ctx)):
		return context.Cause(ctx).Error()
	}
	if text, faulty := faultLines(err); faulty {
		return text
	}
	return oneLine(err.Error()) + hint(err)
}

// faultLines is an error that has the faults of a document: each below the other, so that a caret
// stands below what it points to.
func faultLines(err error) (text string, faulty bool) {
	var p *client.Problem
	var local spec.Faults
	var faults []client.Fault
	head, inner := "", ""
	switch {
	case errors.As(err, &p) && len(p.Errors) > 0:
		bare := *p
		bare.Errors = nil
		head, inner, faults = bare.Error(), p.Error(), p.Errors
	case errors.As(err, &local) && len(local) > 0:
		head, inner = "the document is faulty", local.Error()
		for _, f := range local {
			faults = append(faults, client.Fault{Path: f.Path, Message: f.Message})
		}
	default:
		return "", false
	}
	before, found := strings.CutSuffix(err.Error(), inner)
	if !found {
		return "", false
	}
	var b strings.Builder
	b.WriteString(oneLine(before + head))
	for _, f := range faults {
		path := f.Path
		if path != "" {
			path += ": "
		}
		for i, line := range strings.Split(path+f.Message, "\n") {
			b.WriteString("\n" + strings.Repeat("  ", min(i, 1)+1) + harmless(line))
		}
	}
	return b.String(), true
}

// hint says what to do about an error.
func hint(err error) string {
	var p *client.Problem
	var op *net.OpError
	switch {
	case errors.As(err, &p):
		switch {
		case p.Status == http.StatusUnauthorized || p.Code == "unauthorized":
			return " (give a token with --token or ANODE_TOKEN)"
		case p.Code == "storage_full":
			return " (make room on the node's disk, or raise its --retention-bytes or --disk-budget)"
		case p.Code == "conflict":
			return " (it was changed meanwhile: look again, and repeat)"
		}
	case errors.As(err, &op) && op.Op == "dial":
		return " (is a node there? start one with: anode serve, or name another with --server)"
	case errors.Is(err, syscall.EADDRINUSE):
		return " (another process listens there: stop it, or choose other addresses with --http and --mesh; port 0 picks a free one)"
	case errors.Is(err, storage.ErrLocked):
		return " (stop that process, or name another directory with --data)"
	case errors.Is(err, client.ErrUnknown):
		return " (look whether it was done before repeating it)"
	}
	return ""
}

// oneLine keeps an error from breaking into lines, and from steering the terminal.
func oneLine(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	for i := range lines {
		lines[i] = strings.TrimSpace(harmless(lines[i]))
	}
	return strings.Join(lines, "; ")
}

// arguments makes a wrong number of arguments a misuse.
func arguments(check cobra.PositionalArgs) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if err := check(cmd, args); err != nil {
			return misuse{err}
		}
		return nil
	}
}

// group is a command that only holds others.
func group(use, short string, commands ...*cobra.Command) *cobra.Command {
	cmd := &cobra.Command{
		Use: use, Short: short,
		Args: cobra.ArbitraryArgs, RunE: subcommand,
	}
	cmd.AddCommand(commands...)
	return cmd
}

// subcommand runs a command that only has commands: it helps, and refuses what is none of them.
func subcommand(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return unknownCommand(cmd, args[0])
	}
	return cmd.Help()
}

// unknownCommand names what was perhaps meant.
func unknownCommand(cmd *cobra.Command, name string) error {
	cmd.SuggestionsMinimumDistance = 2
	near := cmd.SuggestionsFor(name)
	if len(near) == 0 {
		return misusef("unknown command %q", name)
	}
	return misusef("unknown command %q, did you mean %s?", name, strings.Join(near, " or "))
}
