package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"anode/actors/source/capture"
	"anode/actors/source/guess"
	"anode/client"
	"anode/cmd/anode/specfiles"
	"anode/messages/command"
	"anode/messages/spec"
	"anode/messages/units"
)

func newSourceTry(sh *shell) *cobra.Command {
	cmd := &cobra.Command{
		Use: "try URL | -f FILE", Short: "look at a feed without saving anything: frames, records, and a spec",
		Long: `Look at a feed without saving anything. Of a URL it guesses kind, array to split, key, native id, time, stream and
pace, shows what came and which records it makes, and prints the spec to go on with. With -f it runs that spec; one
that has a url and neither name nor kind is completed by guessing, so that headers, auth or websocket.open can be given.

A node connects, with its secrets and to where it may: the one that is asked, or the one of the mesh that --node
names. With --frames a capture is replayed instead, without any node: then clock and chance are those of "anode source test". What does not go to a terminal is YAML as a whole:
all but the spec are comments.`,
		Example: `  anode source try https://earthquake.usgs.gov/earthquakes/feed/v1.0/summary/all_hour.geojson
  anode source try wss://feed.example.com > feed.yaml
  anode source try -f quakes.yaml --for 10s --node berlin-1
  anode source try -f quakes.yaml --frames quakes.frames.ndjson`,
		Args: cobra.MaximumNArgs(1),
	}
	t := &tryer{connect: clientCommand(sh, cmd)}
	flags := cmd.Flags()
	flags.StringVarP(&t.file, "file", "f", "", "`FILE` of a spec, - is standard input")
	flags.StringVar(&t.frames, "frames", "", "`FILE` of frames to replay, as anode source capture writes them")
	flags.StringVar(&t.node, "node", "", "id or name of the `NODE` that connects; the one that is asked when absent")
	flags.StringVar(&t.length, "for", "5s", "`TIME` to look, up to 30s")
	flags.IntVar(&t.most, "max", 20, "how many records are enough")
	cmd.RunE = func(cmd *cobra.Command, args []string) error { return t.run(cmd.Context(), args) }
	return cmd
}

// tryer is one run of the command.
type tryer struct {
	*connect
	file, frames string
	node         string
	length       string
	most         int
}

func (t *tryer) run(ctx context.Context, args []string) error {
	d, err := units.ParseDuration(t.length)
	switch {
	case err != nil || d <= 0 || d > command.MaxTry:
		return misusef("for %q is no time such as 5s, up to %s", t.length, command.MaxTry)
	case t.most < 1 || t.most > command.MaxTryRecords:
		return misusef("max %d: 1 to %d are allowed", t.most, command.MaxTryRecords)
	case (len(args) == 1) == (t.file != ""):
		return misusef("give a URL, or -f FILE")
	case t.node != "" && t.frames != "":
		return misusef("--frames is replayed here: there is no --node for it")
	}
	document, err := t.document(args)
	if err != nil {
		return err
	}
	var view command.Trial
	if t.frames != "" {
		view, err = t.replay(ctx, document)
	} else {
		view, err = t.ask(ctx, document, d)
	}
	if err != nil {
		return err
	}
	if t.json() {
		err = object(t.sh.out, view)
	} else {
		err = t.show(&view, document)
	}
	if err == nil && view.Error != nil {
		err = errSilent
	}
	return err
}

// document is the spec, or the beginning of one that is only a URL.
func (t *tryer) document(args []string) (d client.Document, err error) {
	switch {
	case len(args) == 1:
		if !strings.Contains(args[0], "://") {
			return d, misusef("%q is no URL, such as https://… or wss://…; a file is given with -f", args[0])
		}
		d.Text, err = json.Marshal(map[string]string{"url": args[0]})
		return d, err
	case t.file == "-":
		d.Text, err = specfiles.ReadFrom(t.sh.in)
	default:
		d.Text, err = specfiles.Read(t.file)
	}
	d.YAML = specfiles.IsYAML(t.file)
	return d, err
}

func (t *tryer) ask(ctx context.Context, document client.Document, d time.Duration) (command.Trial, error) {
	node, err := t.client()
	if err != nil {
		return command.Trial{}, err
	}
	defer node.Close()
	return node.TrySourceOn(ctx, t.node, document, d, t.most)
}

// replay takes captured frames through the spec, here.
func (t *tryer) replay(ctx context.Context, document client.Document) (command.Trial, error) {
	from := t.sh.in
	if t.frames != "-" {
		f, err := os.Open(t.frames)
		if err != nil {
			return command.Trial{}, err
		}
		defer func() { _ = f.Close() }()
		from = f
	}
	frames, yaml := client.ReadFrames(from), ""
	var s *spec.Spec
	var err error
	if given, begun := guess.Beginning(document.Text, document.YAML); begun {
		var all []command.Frame
		for f, err := range frames {
			if err != nil {
				return command.Trial{}, named(t.frames, err)
			}
			all = append(all, f)
		}
		g, err := capture.Guess(given, all)
		if err != nil {
			return command.Trial{}, err
		}
		s, yaml = g.Spec, g.YAML
		frames = func(yield func(command.Frame, error) bool) {
			for _, f := range all {
				if !yield(f, nil) {
					return
				}
			}
		}
	} else if s, err = capture.Parse(document.Text, document.YAML); err != nil {
		return command.Trial{}, named(t.file, err)
	}
	view, err := capture.Try(ctx, s, frames, t.most)
	view.YAML = yaml
	var faults spec.Faults
	if errors.As(err, &faults) {
		return view, named(t.file, err)
	}
	return view, named(t.frames, err)
}

// named says which file an error is about.
func named(file string, err error) error {
	if err == nil || file == "" {
		return err
	}
	return fmt.Errorf("%s: %w", file, err)
}

// show prints what came beside what it became, and the spec.
func (t *tryer) show(view *command.Trial, document client.Document) error {
	var text bytes.Buffer
	s := t.sh.sheet(&text)
	s.trial(view)
	mark := ""
	if !terminal(t.sh.out) { // the whole is YAML
		mark = "# "
	}
	for line := range strings.Lines(text.String()) {
		if _, err := fmt.Fprintln(t.sh.out, strings.TrimRight(mark+strings.TrimRight(line, "\n"), " ")); err != nil {
			return err
		}
	}
	yaml := view.YAML
	if yaml == "" && len(view.Spec) > 0 && string(view.Spec) != "null" {
		yaml = string(document.Text)
	}
	if yaml == "" {
		return nil
	}
	_, err := fmt.Fprintln(t.sh.out, "\n"+strings.TrimRight(yaml, "\n"))
	return err
}
