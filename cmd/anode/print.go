package main

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"os"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"

	"github.com/mattn/go-isatty"

	"anode/messages/units"
)

// terminal tells whether a stream's other end is a person.
func terminal(stream any) bool {
	f, ok := stream.(*os.File)
	return ok && (isatty.IsTerminal(f.Fd()) || isatty.IsCygwinTerminal(f.Fd()))
}

// paint colours text on a terminal, where nobody asked for none (https://no-color.org).
type paint bool

func (sh *shell) paint() paint {
	return paint(terminal(sh.out) && sh.getenv("NO_COLOR") == "" && sh.getenv("TERM") != "dumb")
}

func (p paint) with(code, text string) string {
	if !p || text == "" {
		return text
	}
	return "\x1b[" + code + "m" + text + "\x1b[0m"
}

func (p paint) bold(text string) string { return p.with("1", text) }
func (p paint) dim(text string) string  { return p.with("2", text) }

// state colours a state's word: green where all is well, red where it failed, yellow between.
func (p paint) state(text string) string {
	switch text {
	case "ok", "running", "alive", "live", "up":
		return p.with("32", text)
	case "failed", "dead", "critical":
		return p.with("31", text)
	case "off", "paused", "left", "pending":
		return p.dim(text)
	}
	return p.with("33", text)
}

// harmless is a text without what would steer a terminal, break a line or turn its words around: a key, a stream's data
// and a feed's error can have anything in them.
func harmless(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.In(r, unicode.Bidi_Control, unicode.Zl, unicode.Zp) {
			return ' '
		}
		return r
	}, text)
}

// table aligns rows. Cells are coloured after their width is known, so that columns stay aligned.
type table struct {
	paint paint
	rows  [][]string
	// looks colour a column's cells.
	looks map[int]func(string) string
}

func (sh *shell) table(head ...string) *table {
	return &table{paint: sh.paint(), rows: [][]string{head}, looks: make(map[int]func(string) string)}
}

func (t *table) row(cells ...string) {
	for i := range cells {
		cells[i] = harmless(cells[i])
	}
	t.rows = append(t.rows, cells)
}

// write prints the table, or the words where it has no row.
func (t *table) write(w io.Writer, empty string) error {
	if len(t.rows) == 1 {
		if empty == "" {
			return nil
		}
		_, err := fmt.Fprintln(w, empty)
		return err
	}
	var text strings.Builder
	tw := tabwriter.NewWriter(&text, 0, 0, 2, ' ', 0)
	for _, row := range t.rows {
		fmt.Fprintln(tw, strings.Join(row, "\t"))
	}
	if err := tw.Flush(); err != nil {
		return err
	}
	lines := strings.Split(strings.TrimRight(text.String(), "\n"), "\n")
	for i, line := range lines {
		line = strings.TrimRight(line, " ")
		if t.paint {
			line = t.coloured(i, line)
		}
		if _, err := fmt.Fprintln(w, line); err != nil {
			return err
		}
	}
	return nil
}

// coloured colours the head, and cells by their column.
func (t *table) coloured(i int, line string) string {
	if i == 0 {
		return t.paint.bold(line)
	}
	var out strings.Builder
	for column, cell := range t.rows[i] {
		before, after, found := strings.Cut(line, cell)
		if !found {
			break
		}
		out.WriteString(before)
		if look := t.looks[column]; look != nil {
			cell = look(cell)
		}
		out.WriteString(cell)
		line = after
	}
	return out.String() + line
}

// object prints one JSON value on a line.
func object(w io.Writer, value any) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	return e.Encode(value)
}

// ago is how long ago a time was, in one unit; "-" where there is none.
func (sh *shell) ago(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	d := sh.now().Sub(t)
	if d < 0 {
		if d > -2*time.Second { // two clocks, not the future
			return "now"
		}
		return "in " + span(-d)
	}
	if d < time.Second {
		return "now"
	}
	return span(d) + " ago"
}

// span is a duration in its largest whole unit.
func span(d time.Duration) string {
	for _, u := range []struct {
		mark string
		is   time.Duration
	}{{"d", 24 * time.Hour}, {"h", time.Hour}, {"m", time.Minute}, {"s", time.Second}} {
		if d >= 2*u.is || u.is == time.Second {
			return strconv.FormatInt(int64(d/u.is), 10) + u.mark
		}
	}
	return ""
}

// bytesText is a number of bytes with a binary unit and up to one decimal.
func bytesText(n float64) string {
	units := []string{"B", "KiB", "MiB", "GiB", "TiB", "PiB"}
	i := 0
	for ; n >= 1024 && i < len(units)-1; i++ {
		n /= 1024
	}
	if i == 0 || n >= 100 {
		return strconv.FormatFloat(math.Round(n), 'f', 0, 64) + " " + units[i]
	}
	return strconv.FormatFloat(n, 'f', 1, 64) + " " + units[i]
}

// rateText is a number a second.
func rateText(rate float64) string {
	switch {
	case rate == 0:
		return "0/s"
	case rate < 10:
		return strconv.FormatFloat(rate, 'f', 1, 64) + "/s"
	}
	return strconv.FormatFloat(rate, 'f', 0, 64) + "/s"
}

// short cuts a text for a column.
func short(text string, most int) string {
	runes := []rune(text)
	if len(runes) <= most {
		return text
	}
	return string(runes[:most-1]) + "…"
}

// plural is a count with its noun.
func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	if strings.HasSuffix(noun, "ch") {
		noun += "e"
	}
	return units.Grouped(uint64(n)) + " " + noun + "s"
}

// orDash shows that nothing is there.
func orDash(text string) string {
	if text == "" {
		return "-"
	}
	return text
}
