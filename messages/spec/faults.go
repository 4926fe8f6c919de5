package spec

import (
	"fmt"
	"strings"
)

// Fault is one thing that is wrong in a document.
type Fault struct {
	// Path is the JSON pointer of the value; empty means the whole document.
	Path string
	// Message says what is wrong with it.
	Message string
}

// Faults are all faults of a document, in its order. It is an error.
type Faults []Fault

// Error lists all faults.
func (f Faults) Error() string {
	var b strings.Builder
	for i, fault := range f {
		if i > 0 {
			b.WriteString("; ")
		}
		if fault.Path != "" {
			b.WriteString(fault.Path + ": ")
		}
		b.WriteString(fault.Message)
	}
	return b.String()
}

// maxFaults bounds what one document can make of faults.
const maxFaults = 100

func (f *Faults) add(path, message string, args ...any) {
	if len(args) > 0 {
		message = fmt.Sprintf(message, args...)
	}
	switch n := len(*f); {
	case n < maxFaults:
		*f = append(*f, Fault{Path: path, Message: message})
	case n == maxFaults:
		*f = append(*f, Fault{Message: fmt.Sprintf("there are more than %d faults", maxFaults)})
	}
}

// FaultAt is the fault of a value at a path. Where the error begins with the pointer of a part of the
// value and a colon, that part is where the fault is.
func FaultAt(path string, err error) Fault {
	text := err.Error()
	if inner, what, found := strings.Cut(text, ": "); found && strings.HasPrefix(inner, "/") && !strings.ContainsAny(inner, " \n\"") {
		return Fault{Path: path + inner, Message: what}
	}
	return Fault{Path: path, Message: text}
}

// pointer is the JSON pointer of a member.
func pointer(path, name string) string {
	return path + "/" + strings.ReplaceAll(strings.ReplaceAll(name, "~", "~0"), "/", "~1")
}
