package spec

import (
	"regexp"
	"slices"
	"strconv"
	"strings"

	"anode/messages/jsontext"
)

func element(path string, i int) string { return path + "/" + strconv.Itoa(i) }

// check walks a value and its rule together.
func check(r *rule, path string, n *node, faults *Faults) {
	if !slices.Contains(r.kinds, n.kind) {
		faults.add(path, "must be %s, is %s", r.is, kindWord(n.kind))
		return
	}
	if r.fault != nil {
		if what := r.fault(n); what != "" {
			faults.add(path, "%s", what)
		}
	}
	switch {
	case n.kind == jsontext.Array && r.each != nil:
		checkElements(r, path, n, faults)
	case n.kind == jsontext.Object && r.each != nil:
		checkTable(r, path, n, faults)
	case n.kind == jsontext.Object && r.role != templateRole && r.role != opaqueRole:
		checkFields(r, path, n, faults)
	case r.role == templateRole && r.fault == nil:
		checkTemplates(path, n, faults)
	}
}

func checkCount(r *rule, path string, count int, faults *Faults) {
	if r.max > 0 && count > r.max {
		faults.add(path, "has %d entries, at most %d are allowed", count, r.max)
	}
	if count < r.min {
		faults.add(path, "must not be empty")
	}
}

func checkElements(r *rule, path string, n *node, faults *Faults) {
	checkCount(r, path, len(n.elements), faults)
	for i, e := range n.elements {
		check(r.each, element(path, i), e, faults)
	}
}

func checkTable(r *rule, path string, n *node, faults *Faults) {
	checkCount(r, path, len(n.members), faults)
	for _, m := range n.members {
		at := pointer(path, m.name)
		if r.name != nil {
			if what := r.name(m.name); what != "" {
				faults.add(at, "%s", what)
				continue
			}
		}
		check(r.each, at, m.value, faults)
		if r.value != nil {
			if what := r.value(m.name, m.value.text); what != "" {
				faults.add(at, "%s", what)
			}
		}
	}
}

func checkFields(r *rule, path string, n *node, faults *Faults) {
	for _, m := range n.members {
		i := slices.IndexFunc(r.fields, func(f field) bool { return f.name == m.name })
		if i < 0 {
			faults.add(pointer(path, m.name), "is no field that is known here%s", hint(m.name, fieldNames(r)))
			continue
		}
		check(r.fields[i].rule, pointer(path, m.name), m.value, faults)
	}
	for _, name := range r.need {
		if n.member(name) == nil {
			faults.add(pointer(path, name), "is required")
		}
	}
	if len(r.any) > 0 && !slices.ContainsFunc(r.any, func(name string) bool { return n.member(name) != nil }) {
		faults.add(path, "needs at least one of %s", strings.Join(r.any, ", "))
	}
}

// checkTemplates looks at all texts of a template.
func checkTemplates(path string, n *node, faults *Faults) {
	n.texts(path, func(at, text string) {
		if what := templateFault(text); what != "" {
			faults.add(at, "%s", what)
		}
	})
}

// texts visits the texts of a tree; names of members are none.
func (n *node) texts(path string, visit func(path, text string)) {
	if n.kind == jsontext.Text {
		visit(path, n.text)
	}
	for i, e := range n.elements {
		e.texts(element(path, i), visit)
	}
	for _, m := range n.members {
		m.value.texts(pointer(path, m.name), visit)
	}
}

func fieldNames(r *rule) []string {
	names := make([]string, len(r.fields))
	for i, f := range r.fields {
		names[i] = f.name
	}
	return names
}

// checkTogether finds faults between fields.
func checkTogether(root *node, faults *Faults) {
	kind := ""
	if k := root.member("kind"); k != nil {
		kind = k.text
	}
	for _, section := range []string{KindREST, KindWebSocket, KindSSE, KindPush} {
		if root.member(section) != nil && section != kind && kind != "" {
			faults.add(pointer("", section), "belongs to kind %s, but kind is %s", section, clip(kind))
		}
	}
	checkURL(root, kind, faults)
	checkPolls(root, faults)
	if kind == KindPush {
		checkPush(root, faults)
	}
	if d := root.member("dedupe").member("by"); d != nil && d.isText(DedupeNativeID) && root.member("native_id") == nil {
		faults.add("/dedupe/by", "native_id needs the field native_id")
	}
	checkRedundancy(root, kind, faults)
	checkAuth(root, "", faults)
	for _, section := range []string{KindREST, KindWebSocket, KindSSE} {
		if before := root.member(section).member("before"); before != nil {
			checkAuth(before, "/"+section+"/before", faults)
			checkCall(before, "/"+section+"/before", faults)
		}
	}
	if t := root.member("tls"); t != nil && (t.member("cert") == nil) != (t.member("key") == nil) {
		faults.add("/tls", "cert and key need each other")
	}
	checkBackoff(root, faults)
	checkDefaultStream(root, faults)
}

// checkRedundancy finds what several owners at once can't do without, or with.
func checkRedundancy(root *node, kind string, faults *Faults) {
	n := root.member("redundancy")
	if n == nil || n.kind != jsontext.Number || n.raw == "1" {
		return
	}
	if kind == KindPush {
		faults.add("/redundancy", "must be 1: a push source runs on every node")
		return
	}
	if root.member("native_id") == nil {
		faults.add("/redundancy", "needs the field native_id: by it the copies of several owners are known")
	}
	if e := root.member("exclusive"); e != nil && e.raw == "true" {
		faults.add("/redundancy", "must be 1 where exclusive is true")
	}
}

func checkURL(root *node, kind string, faults *Faults) {
	url := root.member("url")
	switch {
	case kind == KindPush && url != nil:
		faults.add("/url", "a push source has no url")
	case url == nil && (kind == KindREST || kind == KindWebSocket || kind == KindSSE):
		faults.add("/url", "is required")
	case url == nil || urlFault(url.text) != "" || strings.HasPrefix(url.text, "${"):
	case kind == KindWebSocket && !strings.HasPrefix(url.text, "ws"):
		faults.add("/url", "must begin with wss:// or ws://, as kind is websocket")
	case (kind == KindREST || kind == KindSSE) && !strings.HasPrefix(url.text, "http"):
		faults.add("/url", "must begin with https:// or http://, as kind is %s", kind)
	}
}

// outward are the fields of sources that connect to their feeds.
var outward = []string{"headers", "auth", "tls", "proxy", "items", "budget"}

// checkPush refuses what a source has no use for that connects nowhere.
func checkPush(root *node, faults *Faults) {
	for _, name := range outward {
		if root.member(name) != nil {
			faults.add("/"+name, "is for sources that connect to their feeds: to a push source the sender connects")
		}
	}
	if e := root.member("exclusive"); e != nil && e.raw == "true" {
		faults.add("/exclusive", "must be false: a push source has any number of senders")
	}
}

// checkPolls finds faults between the fields of rest.
func checkPolls(root *node, faults *Faults) {
	rest := root.member("rest")
	if rest.member("every") != nil && rest.member("cron") != nil {
		faults.add("/rest/cron", "and every exclude each other")
	}
	until := rest.member("pages").member("until")
	if until == nil || !until.isText(UntilSeen) {
		return
	}
	by := root.member("dedupe").member("by")
	switch {
	case by == nil && root.member("native_id") == nil:
		faults.add("/rest/pages/until", "seen needs to know what was seen: give native_id, or dedupe: {by: payload}")
	case by != nil && (by.isText(DedupeNone) || by.isText(DedupeChange)):
		faults.add("/rest/pages/until", "seen needs dedupe by native_id or payload")
	}
}

// checkCall finds faults between the fields of a call before.
func checkCall(before *node, path string, faults *Faults) {
	if u := before.member("url"); u != nil && u.kind == jsontext.Text && strings.HasPrefix(u.text, "ws") {
		faults.add(path+"/url", "must begin with https:// or http://")
	}
}

// checkAuth finds faults between the fields of auth, and the headers beside it.
func checkAuth(beside *node, path string, faults *Faults) {
	auth := beside.member("auth")
	if auth == nil {
		return
	}
	var given []string
	for _, form := range []string{"bearer", "basic", "oauth2"} {
		if auth.member(form) != nil {
			given = append(given, form)
		}
	}
	if len(given) > 1 {
		faults.add(path+"/auth", "%s exclude each other", strings.Join(given, " and "))
	}
	if h := beside.member("headers"); h != nil && len(given) > 0 {
		for _, m := range h.members {
			if strings.EqualFold(m.name, "Authorization") {
				faults.add(pointer(path+"/headers", m.name), "is written by auth")
			}
		}
	}
	if u := auth.member("oauth2").member("token_url"); u != nil && u.kind == jsontext.Text && strings.HasPrefix(u.text, "ws") {
		faults.add(path+"/auth/oauth2/token_url", "must begin with https:// or http://")
	}
	sign := auth.member("sign")
	if name := sign.member("name"); name != nil && name.kind == jsontext.Text && sign.member("in") != nil && sign.member("in").isText("header") {
		if what := ownHeader(name.text); what != "" {
			faults.add(path+"/auth/sign/name", "%s", what)
		} else if !tokenText.MatchString(name.text) {
			faults.add(path+"/auth/sign/name", "must be an HTTP header name")
		}
	}
}

var tokenText = regexp.MustCompile(tokenPattern)

func checkBackoff(root *node, faults *Faults) {
	least, most := Duration(1e9), Duration(60e9)
	b := root.member("backoff")
	if b == nil || b.kind != jsontext.Object {
		return
	}
	for name, d := range map[string]*Duration{"min": &least, "max": &most} {
		if n := b.member(name); n != nil && d.UnmarshalJSON([]byte(n.raw)) != nil {
			return
		}
	}
	if least > most {
		faults.add("/backoff", "min must not be above max (they default to 1s and 60s)")
	}
}

// checkDefaultStream refuses a name that can't be a stream's where it must be one.
func checkDefaultStream(root *node, faults *Faults) {
	name := root.member("name")
	if name == nil || name.kind != jsontext.Text || root.member("stream") != nil {
		return
	}
	if _, err := StreamPieces(name.text); err != nil && strings.Count(name.text, ".") >= 16 {
		faults.add("/stream", "is required: the name has too many tokens to be a stream's")
	}
}

func kindWord(k jsontext.Kind) string {
	switch k {
	case jsontext.Null:
		return "null"
	case jsontext.Bool:
		return "a boolean"
	case jsontext.Number:
		return "a number"
	case jsontext.Text:
		return "a text"
	case jsontext.Array:
		return "a list"
	}
	return "an object"
}
