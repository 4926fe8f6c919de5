package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"unicode/utf8"

	"golang.org/x/term"

	"anode/messages/command"
)

// The bounds of what is printed of a try.
const (
	leastWidth, mostWidth = 60, 240
	linesOfFrame          = 8
	linesOfRecord         = 4
	recordsOfFrame        = 6
)

// sheet prints frames on the left and what they became on the right.
type sheet struct {
	w     io.Writer
	paint paint
	left  int
	right int
}

// width is how wide the terminal is that is printed to, or what COLUMNS says, or else another number.
func (sh *shell) width(other int) int {
	width := other
	if n, err := strconv.Atoi(sh.getenv("COLUMNS")); err == nil {
		width = n
	}
	if f, ok := sh.out.(*os.File); ok && terminal(f) {
		if n, _, err := term.GetSize(int(f.Fd())); err == nil {
			width = n
		}
	}
	return width
}

func (sh *shell) sheet(w io.Writer) *sheet {
	width := min(max(sh.width(120), leastWidth), mostWidth) - 5 // the line between, and a mark before
	return &sheet{w: w, paint: sh.paint(), left: width / 2, right: width - width/2}
}

// trial prints all of a try but its spec.
func (s *sheet) trial(v *command.Trial) {
	for i := range v.Frames {
		s.frame(v, i)
	}
	s.rest(v)
	dropped := make(map[string]uint64)
	var reasons []string
	for _, d := range v.Dropped {
		reason := d.Reason
		if reason != "filtered" && reason != "duplicate" {
			reason = "failed"
		}
		if dropped[reason] == 0 {
			reasons = append(reasons, reason)
		}
		dropped[reason] += d.Count
	}
	sum := plural(len(v.Frames)+v.More.Frames, "frame") + ", " + plural(len(v.Records)+v.More.Records, "record")
	for _, reason := range reasons {
		sum += fmt.Sprintf(", %d %s", dropped[reason], reason)
	}
	fmt.Fprintln(s.w, s.paint.bold(sum))
	if v.Error != nil {
		fmt.Fprintln(s.w, s.paint.with("31", "error: "+harmless(*v.Error)))
	}
	for _, hint := range v.Hints {
		fmt.Fprintln(s.w, s.paint.with("33", "hint: "+harmless(hint)))
	}
}

// frame prints one.
func (s *sheet) frame(v *command.Trial, i int) {
	f := &v.Frames[i]
	fmt.Fprintln(s.w, s.paint.dim(harmless(about(i, f))))
	if f.Skipped > 0 {
		return
	}
	text := string(f.Data)
	if f.Meta.Binary || !utf8.ValidString(text) {
		text = fmt.Sprintf("%x", f.Data[:min(len(f.Data), 1024)])
	}
	left := wrap(compact(text), s.left, linesOfFrame)
	var right []string
	records, more := 0, 0
	for r, of := range v.RecordFrames {
		switch {
		case of != i:
		case records == recordsOfFrame:
			more++
		default:
			records++
			right = append(right, s.record(v.Records[r])...)
		}
	}
	if more > 0 {
		right = append(right, "… and "+plural(more, "record")+" more")
	}
	for _, d := range v.Dropped {
		if d.Index != i {
			continue
		}
		count := ""
		if d.Count > 1 {
			count = fmt.Sprintf(" %d", d.Count)
		}
		right = append(right, wrap("✗ "+d.Reason+count, s.right, linesOfRecord)...)
	}
	for n := range max(len(left), len(right)) {
		l, r := "", ""
		if n < len(left) {
			l = left[n]
		}
		if n < len(right) {
			r = right[n]
		}
		fmt.Fprintln(s.w, strings.TrimRight(l+strings.Repeat(" ", max(0, s.left-utf8.RuneCountInString(l)))+" │ "+r, " "))
	}
}

// rest prints the records of frames that are not listed.
func (s *sheet) rest(v *command.Trial) {
	for r, of := range v.RecordFrames {
		if of < 0 {
			for _, line := range s.record(v.Records[r]) {
				fmt.Fprintln(s.w, strings.Repeat(" ", s.left)+" │ "+line)
			}
		}
	}
}

// record is one in a few lines: what it is, and its data.
func (s *sheet) record(raw json.RawMessage) []string {
	var r struct {
		Stream   string          `json:"stream"`
		Key      string          `json:"key"`
		NativeID string          `json:"native_id"`
		Time     string          `json:"time"`
		Data     json.RawMessage `json:"data"`
		Text     string          `json:"text"`
		Base64   string          `json:"base64"`
	}
	if err := json.Unmarshal(raw, &r); err != nil {
		return wrap(string(raw), s.right, linesOfRecord)
	}
	head := "⇒ " + r.Stream
	for _, part := range []struct{ name, value string }{{"key", r.Key}, {"id", r.NativeID}} {
		if part.value != "" {
			head += "  " + part.name + "=" + part.value
		}
	}
	head += "  " + r.Time
	lines := wrap(head, s.right, 2)
	return append(lines, wrap("  "+string(r.Data)+r.Text+r.Base64, s.right, linesOfRecord-1)...)
}

// about is a frame in a line.
func about(i int, f *command.Frame) string {
	if f.Skipped > 0 {
		return fmt.Sprintf("#%d %d frames were left out", i+1, f.Skipped)
	}
	parts := []string{fmt.Sprintf("#%d", i+1), map[bool]string{true: "→ sent", false: "← came"}[f.Dir == command.FrameOut], f.Received.UTC().Format("15:04:05.000")}
	for _, part := range []string{f.Meta.Method, f.Meta.Event, f.Meta.URL} {
		if part != "" {
			parts = append(parts, part)
		}
	}
	if f.Meta.Status != 0 {
		parts = append(parts, strconv.Itoa(f.Meta.Status))
	}
	return strings.Join(append(parts, bytesText(float64(max(f.Meta.Size, len(f.Data))))), " ")
}

// compact takes the spaces between the tokens of JSON away.
func compact(text string) string {
	var out bytes.Buffer
	if json.Compact(&out, []byte(text)) != nil {
		return text
	}
	return out.String()
}

// wrap breaks a text into lines of a width; of what is longer than so many lines the rest is left out.
func wrap(text string, width, most int) []string {
	if len(text) > 4*width*most { // no more is shown
		text = text[:4*width*most]
	}
	runes := []rune(harmless(strings.ToValidUTF8(text, "�")))
	var lines []string
	for len(runes) > 0 {
		n := min(width, len(runes))
		if len(lines) == most-1 && n < len(runes) {
			return append(lines, string(runes[:width-1])+"…")
		}
		lines = append(lines, string(runes[:n]))
		runes = runes[n:]
	}
	return lines
}
