package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/spf13/cobra"

	"anode/client"
	"anode/messages/command"
)

// mostPush is the most bytes of one message.
const mostPush = 8 << 20

func newSourcePush(sh *shell) *cobra.Command {
	cmd := &cobra.Command{
		Use: "push NAME [DATA|-]", Short: "push data to a push source, in its sender's own format",
		Long: `Push a message to a push source: it goes through the source's transform, and what became of it is printed once
the node's journal has it, in records. With - standard input is one message or, with --lines, a message a
line. --token is the source's. The exit code is 1 where something failed.`,
		Example: `  anode source push webhook '{"action":"opened"}' --header 'X-GitHub-Event: issues'
  anode source push orders --content-type text/csv - < orders.csv`,
		Args: cobra.RangeArgs(1, 2),
	}
	p := &pusher{connect: clientCommand(sh, cmd)}
	cmd.ValidArgsFunction = p.sourceNames
	flags := cmd.Flags()
	flags.StringVar(&p.push.ContentType, "content-type", "", "media `TYPE` of the data")
	flags.StringArrayVar(&p.headers, "header", nil, "a further `HEADER`, as \"Name: value\"; may be repeated")
	flags.BoolVar(&p.lines, "lines", false, "each line of standard input is a message")
	cmd.RunE = p.connect.run(p.do)
	return cmd
}

// pusher is one run of the command.
type pusher struct {
	*connect
	push    client.Push
	headers []string
	lines   bool
}

func (p *pusher) do(cmd *cobra.Command, node *client.Client, args []string) error {
	p.push.Source, p.push.Header = args[0], make(http.Header)
	for _, h := range p.headers {
		name, value, found := strings.Cut(h, ":")
		if name = strings.TrimSpace(name); !found || name == "" {
			return misusef("header %q is not \"Name: value\"", h)
		}
		p.push.Header.Add(name, strings.TrimSpace(value))
	}
	given := len(args) == 2 && args[1] != "-"
	switch {
	case given && p.lines:
		return misusef("--lines is for standard input: give - in place of DATA")
	case given:
		return p.one(cmd.Context(), node, []byte(args[1]))
	case len(args) == 1 && terminal(p.sh.in):
		return misusef("the data is missing: give DATA, or - to read standard input")
	case p.lines:
		return p.each(cmd.Context(), node)
	}
	data, err := io.ReadAll(io.LimitReader(interruptedBy(cmd.Context(), p.sh.in), mostPush+1))
	switch {
	case err != nil:
		return err
	case len(data) > mostPush:
		return errors.New("standard input is above 8 MiB, the most of one message: cut it into lines and give --lines")
	}
	return p.one(cmd.Context(), node, data)
}

// one pushes one message.
func (p *pusher) one(ctx context.Context, node *client.Client, data []byte) error {
	p.push.Body = data
	became, err := node.Push(ctx, p.push)
	if err != nil {
		return err
	}
	if became.Said != nil {
		_, err := fmt.Fprintln(p.sh.out, harmless(string(became.Said)))
		return err
	}
	if err := p.say(pushedText(became.Pushed), became.Pushed); err != nil {
		return err
	}
	return p.failed(became.Pushed)
}

// each pushes the lines of standard input, in order.
func (p *pusher) each(ctx context.Context, node *client.Client) error {
	lines := bufio.NewScanner(interruptedBy(ctx, p.sh.in))
	lines.Buffer(make([]byte, 64<<10), mostPush)
	var sum command.Pushed
	bar := p.sh.gauge()
	defer bar.clear()
	at := 0
	for lines.Scan() {
		at++
		if len(bytes.TrimSpace(lines.Bytes())) == 0 {
			continue
		}
		p.push.Body = lines.Bytes()
		became, err := node.Push(ctx, p.push)
		if err != nil {
			return fmt.Errorf("line %d: %w", at, err)
		}
		sum.Add(became.Pushed)
		bar.say(plural(at, "line") + ": " + pushedText(sum))
	}
	bar.clear()
	if err := lines.Err(); err != nil {
		return fmt.Errorf("line %d: %w", at+1, err)
	}
	if err := p.say(pushedText(sum), sum); err != nil {
		return err
	}
	return p.failed(sum)
}

// failed fails the command where records failed, and says where to look.
func (p *pusher) failed(became command.Pushed) error {
	if became.Dropped.Failed == 0 {
		return nil
	}
	fmt.Fprintf(p.sh.errs, "anode: what failed is on $errors.%s, with the reason (see it with: anode history '$errors.%s')\n", p.push.Source, p.push.Source)
	return errSilent
}

// pushedText is what became of messages, in words.
func pushedText(p command.Pushed) string {
	text := fmt.Sprintf("%d accepted", p.Accepted)
	for _, dropped := range []struct {
		n    uint64
		name string
	}{{p.Dropped.Filtered, "filtered"}, {p.Dropped.Duplicate, "duplicate"}, {p.Dropped.Limited, "limited"}, {p.Dropped.Failed, "failed"}} {
		if dropped.n > 0 {
			text += fmt.Sprintf(", %d %s", dropped.n, dropped.name)
		}
	}
	return text
}
