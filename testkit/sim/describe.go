package sim

import (
	"fmt"
	"strings"

	"anode/messages/wire/frame"
)

var typeNames = map[frame.Type]string{
	frame.TypeHello: "hello", frame.TypePush: "push", frame.TypeHave: "have", frame.TypeAsk: "ask", frame.TypeAnswer: "answer",
	frame.TypePull: "pull", frame.TypeEnd: "end", frame.TypeGraft: "graft", frame.TypePrune: "prune", frame.TypeDigest: "digest",
	frame.TypeRegistry: "registry", frame.TypeStatus: "status", frame.TypePing: "ping", frame.TypePong: "pong", frame.TypeBye: "bye",
	frame.TypeVersions: "versions",
}

// typeName is what a type of frames is called in figures.
func typeName(t frame.Type) string {
	if name, ok := typeNames[t]; ok {
		return name
	}
	return fmt.Sprintf("type %d", t)
}

// describe is a frame in a trace.
func describe(f frame.Frame) string {
	switch f := f.(type) {
	case *frame.Push:
		text := fmt.Sprintf("push %s hop %d", f.Batch.ID(), f.Hop)
		if f.Refresh {
			text += " refresh"
		}
		if f.Repair {
			text += " repair"
		}
		return text
	case *frame.Have:
		var b strings.Builder
		b.WriteString("have")
		for _, h := range f.Flows {
			fmt.Fprintf(&b, " %s-%d %d…%d-%d", h.Origin, h.Epoch, h.Floor, h.Run, h.Head)
		}
		return b.String()
	case *frame.Pull:
		return fmt.Sprintf("pull #%d %s-%d %v of %d bytes", f.ID, f.Origin, f.Epoch, f.Ranges, f.Bytes)
	case *frame.End:
		text := fmt.Sprintf("end #%d", f.ID)
		if f.Busy {
			text += " busy"
		}
		if f.Floor > 0 {
			text += fmt.Sprintf(" floor %d", f.Floor)
		}
		if len(f.NotHeld) > 0 {
			text += fmt.Sprintf(" not held %v", f.NotHeld)
		}
		return text
	case *frame.Graft:
		return fmt.Sprintf("graft %s-%d", f.Origin, f.Epoch)
	case *frame.Prune:
		return fmt.Sprintf("prune %s-%d", f.Origin, f.Epoch)
	case *frame.Digest:
		return fmt.Sprintf("digest of %d latest, %d days, %d closed", len(f.Latest), len(f.Days), len(f.Closed))
	case *frame.Bye:
		return "bye: " + f.Reason
	}
	return typeName(f.Type())
}
