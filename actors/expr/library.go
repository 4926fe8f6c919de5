package expr

import (
	_ "embed"
	"slices"
	"strconv"

	"github.com/itchyny/gojq"
)

//go:embed library.jq
var libraryText string

// library is what jq defines in terms of itself, rewritten like any program.
type library struct{ defs map[string]*libraryDef }

type libraryDef struct {
	def  *gojq.FuncDef
	uses *uses
}

// uses is what a program takes of the library, in the order of the library, and of the natives.
type uses struct {
	defs    []*gojq.FuncDef
	natives map[string]bool
}

func newUses() *uses { return &uses{natives: make(map[string]bool)} }

func (u *uses) native(name string) { u.natives[name] = true }

// add takes a definition and what it uses itself.
func (u *uses) add(d *libraryDef) {
	for _, def := range append(slices.Clone(d.uses.defs), d.def) {
		if !slices.Contains(u.defs, def) {
			u.defs = append(u.defs, def)
		}
	}
	for name := range d.uses.natives {
		u.natives[name] = true
	}
}

func (u *uses) names() []string {
	var out []string
	for name := range u.natives {
		out = append(out, name)
	}
	slices.Sort(out)
	return out
}

// loadLibrary reads the library. It panics on a fault in it, which any test would find.
func loadLibrary() *library {
	query, err := gojq.Parse(libraryText + " .")
	if err != nil {
		panic("expr: the library: " + err.Error())
	}
	l := &library{defs: make(map[string]*libraryDef)}
	for _, fd := range query.FuncDefs {
		w := rewriter{text: libraryText, std: l, used: newUses(), own: true}
		def, _, err := w.define(fd, nil, "std.")
		if err != nil {
			panic("expr: the library: " + err.Error())
		}
		l.defs[fd.Name+"/"+strconv.Itoa(len(fd.Args))] = &libraryDef{def, w.used}
	}
	return l
}
