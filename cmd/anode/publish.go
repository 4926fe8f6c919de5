package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"anode/client"
	"anode/messages"
)

func newPublish(sh *shell) *cobra.Command {
	cmd := &cobra.Command{
		Use: "publish STREAM [DATA|-]", Short: "publish a record, or a record a line of standard input",
		Long: `Publish a record and print its id, once the node's journal has it. DATA is JSON if it parses, else text;
--content-type decides otherwise. With - each line of standard input is one record's data: JSON, or what
--content-type says. What was refused is told with its line, and makes the exit code 1.`,
		Example: `  anode publish lab.a.temp '{"c": 21.5}' --key room1
  tail -f events.ndjson | anode publish app.events -`,
		Args: cobra.RangeArgs(1, 2),
	}
	p := &publisher{connect: clientCommand(sh, cmd)}
	flags := cmd.Flags()
	flags.StringVar(&p.draft.Key, "key", "", "`KEY` of the record: which of the things that the stream is about")
	flags.StringVar(&p.draft.NativeID, "native-id", "", "the datum's own `ID`: published again within ten minutes it is a duplicate")
	flags.StringVar(&p.draft.ContentType, "content-type", "", "media `TYPE` of the data")
	flags.StringVar(&p.time, "time", "", "`TIME` when it happened (default: when it is received)")
	cmd.RunE = p.run(p.publish)
	return cmd
}

// publisher is one run of the command.
type publisher struct {
	*connect
	draft client.Draft
	time  string
}

func (p *publisher) publish(cmd *cobra.Command, node *client.Client, args []string) error {
	stream, err := messages.ParseStream(args[0])
	if err != nil {
		return misuse{err}
	}
	p.draft.Stream = string(stream)
	if p.draft.Time, err = p.sh.time(p.time); err != nil {
		return misusef("time: %w", err)
	}
	switch {
	case len(args) == 2 && args[1] != "-":
		return p.one(cmd.Context(), node, args[1])
	case len(args) == 1 && terminal(p.sh.in):
		return misusef("the data is missing: give DATA, or - to read standard input")
	case p.draft.NativeID != "" || p.time != "":
		return misusef("--native-id and --time name one record, and standard input has many")
	}
	return p.lines(cmd.Context(), node)
}

// one publishes DATA.
func (p *publisher) one(ctx context.Context, node *client.Client, data string) error {
	p.draft.Payload = []byte(data)
	if p.draft.ContentType == "" && !json.Valid(p.draft.Payload) {
		p.draft.ContentType = "text/plain"
	}
	answer, err := node.Publish(ctx, p.draft)
	if err != nil {
		return err
	}
	text := answer.ID
	if answer.Duplicate {
		text = "duplicate"
	}
	return p.say(text, answer)
}

// lines publishes standard input.
func (p *publisher) lines(ctx context.Context, node *client.Client) error {
	bar := p.sh.gauge()
	defer bar.clear()
	stored := 0
	begin := p.sh.now()
	tally, err := node.PublishLines(ctx, client.Lines{
		Stream: p.draft.Stream, Key: p.draft.Key, ContentType: p.draft.ContentType, From: interruptedBy(ctx, p.sh.in),
		Each: func(line int, answer client.Published) error {
			if answer.Error != nil {
				bar.clear()
				fmt.Fprintf(p.sh.errs, "anode: line %d: %s\n", line, oneLine(answer.Error.Error()))
			}
			stored++
			bar.say(fmt.Sprintf("%s published, %s", plural(stored, "line"), rateText(float64(stored)/max(p.sh.now().Sub(begin), time.Millisecond).Seconds())))
			if p.json() {
				return object(p.sh.out, answer)
			}
			return nil
		},
	})
	bar.clear()
	if !p.json() {
		text := fmt.Sprintf("%s stored", plural(tally.Stored, "record"))
		if tally.Duplicate > 0 {
			text += fmt.Sprintf(", %s", plural(tally.Duplicate, "duplicate"))
		}
		if tally.Refused > 0 {
			text += fmt.Sprintf(", %d refused", tally.Refused)
		}
		fmt.Fprintln(p.sh.out, text)
	}
	if err == nil && tally.Refused > 0 {
		return errSilent
	}
	return err
}

// interruptedBy makes a reader end with ctx although a read of the process's input can't be
// interrupted: the goroutine that reads it ends with the process.
func interruptedBy(ctx context.Context, in io.Reader) io.Reader {
	r, w := io.Pipe()
	go func() {
		_, err := io.CopyBuffer(struct{ io.Writer }{w}, struct{ io.Reader }{in}, make([]byte, 256<<10))
		_ = w.CloseWithError(err) // it always gives nil
	}()
	context.AfterFunc(ctx, func() { _ = w.CloseWithError(context.Cause(ctx)) })
	return r
}
