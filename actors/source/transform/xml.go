package transform

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"unicode/utf8"

	"golang.org/x/text/encoding/htmlindex"

	"anode/messages"
)

const (
	// maxXMLParts is the most elements and attributes of a document.
	maxXMLParts = 1 << 18
	// xmlSpace is what counts as white space.
	xmlSpace = " \t\r\n"
)

// element is one of a document. Names have their prefix.
type element struct {
	name       string
	attributes []attribute
	text       []byte
	children   []*element
}

type attribute struct{ name, value string }

// xml makes an object of a document: {root: content}. An element's content is
//
//	null      where it has nothing
//	a text    where it has only that, white space around it left out
//	an object otherwise: attributes as "@name", children by name, text as "#text"
//
// and elements that come again under one parent are a list. The items of RSS and the entries of
// Atom are one always, be there none or one. Prefixes of namespaces stay parts of names. No
// entities are known but those of XML and HTML, and a document type is passed over.
func (p parsing) xml(message []byte) {
	root, err := readXML(message)
	var raw []byte
	if err == nil {
		w := xmlWriter{out: make([]byte, 0, len(message))}
		w.object([]member{{root.name, []*element{root}, false}}, nil, 1)
		raw, err = w.out, w.err
	}
	if err != nil {
		p.failed(message, fmt.Errorf("is not XML: %w", err))
		return
	}
	p.each(rawValue(raw), message)
}

// readXML makes the tree.
func readXML(message []byte) (*element, error) {
	known := utf8.Valid(message)
	d := xml.NewDecoder(bytes.NewReader(message))
	d.Strict = false // an "&" may stand for itself
	d.Entity = xml.HTMLEntity
	d.CharsetReader = func(charset string, in io.Reader) (io.Reader, error) {
		if known {
			return in, nil
		}
		encoding, err := htmlindex.Get(charset)
		if err != nil {
			return nil, fmt.Errorf("the encoding %q is not known", charset)
		}
		return encoding.NewDecoder().Reader(in), nil
	}
	t := treeBuilder{names: make(map[string]string)}
	for {
		token, err := d.RawToken()
		if errors.Is(err, io.EOF) {
			return t.done()
		}
		if err == nil {
			err = t.take(token)
		}
		if err != nil {
			line, column := d.InputPos()
			return nil, fmt.Errorf("line %d, column %d: %s", line, column, xmlFault(err))
		}
	}
}

// xmlFault is an error without the place, which is named already.
func xmlFault(err error) string {
	var syntax *xml.SyntaxError
	if errors.As(err, &syntax) {
		return syntax.Msg
	}
	return err.Error()
}

// treeBuilder makes a tree of tokens.
type treeBuilder struct {
	root  *element
	open  []*element
	parts int
	names map[string]string
}

var (
	errXMLDepth = fmt.Errorf("elements nest deeper than %d", messages.MaxJSONDepth)
	errXMLParts = fmt.Errorf("has more than %d elements and attributes", maxXMLParts)
	errXMLText  = errors.New("text stands outside of the root element")
)

func (t *treeBuilder) take(token xml.Token) error {
	switch token := token.(type) {
	case xml.StartElement:
		return t.begin(token)
	case xml.EndElement:
		name := t.name(token.Name)
		if len(t.open) == 0 {
			return fmt.Errorf("</%s> ends nothing", name)
		}
		last := t.open[len(t.open)-1]
		if last.name != name {
			return fmt.Errorf("</%s> stands where <%s> is open", name, last.name)
		}
		t.open = t.open[:len(t.open)-1]
	case xml.CharData:
		if len(t.open) > 0 {
			last := t.open[len(t.open)-1]
			last.text = append(last.text, token...)
		} else if len(bytes.Trim(token, xmlSpace)) > 0 {
			return errXMLText
		}
	}
	return nil
}

func (t *treeBuilder) begin(token xml.StartElement) error {
	e := &element{name: t.name(token.Name)}
	if t.parts += 1 + len(token.Attr); t.parts > maxXMLParts {
		return errXMLParts
	}
	for _, a := range token.Attr {
		e.attributes = append(e.attributes, attribute{t.name(a.Name), a.Value})
	}
	switch n := len(t.open); {
	case n == messages.MaxJSONDepth:
		return errXMLDepth
	case n > 0:
		parent := t.open[n-1]
		parent.children = append(parent.children, e)
	case t.root != nil:
		return fmt.Errorf("<%s> is a second root element", e.name)
	default:
		t.root = e
	}
	t.open = append(t.open, e)
	return nil
}

func (t *treeBuilder) done() (*element, error) {
	if n := len(t.open); n > 0 {
		return nil, fmt.Errorf("<%s> is not closed", t.open[n-1].name)
	}
	if t.root == nil {
		return nil, errors.New("has no element")
	}
	return t.root, nil
}

// name is a name with its prefix, the same text for all that have it.
func (t *treeBuilder) name(n xml.Name) string {
	whole := n.Local
	if n.Space != "" {
		whole = n.Space + ":" + n.Local
	}
	if known, ok := t.names[whole]; ok {
		return known
	}
	t.names[whole] = whole
	return whole
}

// member is the children of one name.
type member struct {
	name   string
	values []*element
	list   bool
}

// members are the children by name, in the order of their first. More than one are a list, and so
// is the one that parent says.
func (e *element) members(list string) []member {
	var all []member
	at := make(map[string]int, min(len(e.children), 16))
	for _, child := range e.children {
		i, known := at[child.name]
		if !known {
			i = len(all)
			at[child.name] = i
			all = append(all, member{name: child.name})
		}
		all[i].values = append(all[i].values, child)
	}
	_, given := at[list]
	for i := range all {
		all[i].list = len(all[i].values) > 1 || all[i].name == list
	}
	if list != "" && !given {
		all = append(all, member{name: list, list: true})
	}
	return all
}

// feedList is the child of which an element of RSS or Atom may have any number; path is the names down to it.
func feedList(path []string) string {
	switch {
	case len(path) == 2 && path[0] == "rss" && path[1] == "channel":
		return "item"
	case len(path) == 1 && path[0] == "rdf:RDF": // RSS 1.0
		return "item"
	case len(path) == 1 && path[0] == "feed":
		return "entry"
	}
	return ""
}

// xmlWriter writes a tree as JSON.
type xmlWriter struct {
	out  []byte
	path []string
	err  error
}

// object writes members; depth is that of the object.
func (w *xmlWriter) object(members []member, e *element, depth int) {
	w.out = append(w.out, '{')
	first := true
	name := func(prefix, name string) {
		if !first {
			w.out = append(w.out, ',')
		}
		first = false
		w.out = append(messages.AppendQuoted(w.out, prefix+name), ':')
	}
	if e != nil {
		seen := make(map[string]bool, len(e.attributes))
		for _, a := range e.attributes {
			if seen[a.name] { // no XML, but seen
				continue
			}
			seen[a.name] = true
			name("@", a.name)
			w.out = messages.AppendQuoted(w.out, a.value)
		}
		if text := bytes.Trim(e.text, xmlSpace); len(text) > 0 {
			name("", "#text")
			w.out = messages.AppendQuoted(w.out, string(text))
		}
	}
	for _, m := range members {
		name("", m.name)
		if !m.list {
			w.element(m.values[0], depth+1)
			continue
		}
		w.deep(depth + 1)
		w.out = append(w.out, '[')
		for i, v := range m.values {
			if i > 0 {
				w.out = append(w.out, ',')
			}
			w.element(v, depth+2)
		}
		w.out = append(w.out, ']')
	}
	w.out = append(w.out, '}')
}

// element writes what an element has; depth is that of an object, should it be one.
func (w *xmlWriter) element(e *element, depth int) {
	w.path = append(w.path, e.name)
	defer func() { w.path = w.path[:len(w.path)-1] }()
	members := e.members(feedList(w.path))
	switch text := bytes.Trim(e.text, xmlSpace); {
	case len(members) > 0 || len(e.attributes) > 0:
		w.deep(depth)
		w.object(members, e, depth)
	case len(text) > 0:
		w.out = messages.AppendQuoted(w.out, string(text))
	default:
		w.out = append(w.out, "null"...)
	}
}

func (w *xmlWriter) deep(depth int) {
	if depth > messages.MaxJSONDepth && w.err == nil {
		w.err = fmt.Errorf("nests deeper than %d as JSON", messages.MaxJSONDepth)
	}
}
