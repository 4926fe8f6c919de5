package spec

// later is a part of the language that this version does not run.
type later struct {
	// path is its pointer.
	path string
	// only is the one value, as JSON, that is allowed; empty means none.
	only string
	// values are the texts that are not run; nil means that the whole field is not.
	values []string
}

// notYet is the one place that knows what this version does not run.
var notYet = []later{
	{path: "/redundancy", only: "1"},
	{path: "/nodes"},
}

func findLater(path string) *later {
	for i := range notYet {
		if notYet[i].path == path {
			return &notYet[i]
		}
	}
	return nil
}

// whole tells that no value of the field is run.
func (l *later) whole() bool { return l.only == "" && l.values == nil }

// refuses tells whether a value is one that this version does not run.
func (l *later) refuses(n *node) bool {
	if l.whole() {
		return true
	}
	if l.only != "" {
		return n.raw != l.only
	}
	for _, v := range l.values {
		if n.isText(v) {
			return true
		}
	}
	return false
}
