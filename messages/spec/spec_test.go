package spec

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

const whole = `
name: coinbase-matches
kind: websocket
url: wss://ws-feed.example.com/?t=${now}
stream: market.coinbase.{product_id}
headers: {X-Key: "${secret:feed-key}", Authorization: "Bearer ${secret:t}"}
parse: auto
transform:
  where: .type == "match"
  split: .items[]
  map: '{product_id, price, size, t: .time, n: .trade_id}'
key: .product_id
native_id: .n
time: .t
dedupe: {by: native_id, window: 10m}
on:
  - {when: 'has("ping")', send: {pong: '${.frame.ping}'}}
  - {when: '.event == "subscribed"', set: '{("\(.chanId)"): .symbol}'}
  - {when: '.event == "error"', fail: '${.frame.msg}'}
liveness: {transport: 30s, protocol: 60s, data: 0}
backoff: {min: 2s, max: 1d}
exclusive: false
redundancy: 1
paused: true
websocket:
  subprotocols: [v1.json]
  open: [{type: subscribe, product_ids: ['BTC-USD'], id: 9007199254740993}]
  ping: {every: 20s, idle: 15s}
labels: {team: lab}
`

const polled = `{"name":"r","kind":"rest","url":"https://api.example.com/v1?q=${now}",
 "rest":{"query":{"limit":100,"at":"${now}","many":["a",1]},"every":"10s","jitter":"10%","timeout":"3s","method":"POST","body":{"a":1.10}}}`

func ExampleParse() {
	_, err := Parse([]byte(`{"name":"demo","kind":"rest","url":"https://api.example.com/","rest":{"evry":"10s"},"dedupe":{"window":"ten"}}`), false)
	var faults Faults
	if errors.As(err, &faults) {
		for _, f := range faults {
			fmt.Println(f.Path, f.Message)
		}
	}
	// Output:
	// /rest/evry is no field that is known here; did you mean "every"?
	// /dedupe/window must be a duration such as 90s, 10m or 7d, is "ten"
}

func TestParseFillsTheTypes(t *testing.T) {
	s, err := Parse([]byte(whole), true)
	if err != nil {
		t.Fatal(err)
	}
	if s.Name != "coinbase-matches" || s.Liveness.Protocol.Of() != time.Minute || s.Backoff.Max.Of() != 24*time.Hour || !s.Paused {
		t.Errorf("%+v", s)
	}
	if got := s.WebSocket.Open[0].(map[string]any)["id"]; got != json.Number("9007199254740993") {
		t.Errorf("a number lost its text: %v", got)
	}
	if s.WebSocket.Ping.Send != "ping" || s.REST != nil || s.On[1].Set == "" {
		t.Errorf("%+v", s.WebSocket.Ping)
	}
	if got := s.Secrets(); !reflect.DeepEqual(got, []string{"feed-key", "t"}) {
		t.Errorf("secrets %v", got)
	}
	var paths []string
	for _, e := range s.Expressions() {
		paths = append(paths, fmt.Sprint(e.Path, " ", e.Kind))
	}
	want := "/url 2,/headers/X-Key 2,/headers/Authorization 2,/transform/where 0,/transform/split 1,/transform/map 1,/key 1,/native_id 1,/time 1," +
		"/on/0/when 0,/on/0/send/pong 2,/on/1/when 0,/on/1/set 1,/on/2/when 0,/on/2/fail 2"
	if got := strings.Join(paths, ","); got != want {
		t.Errorf("expressions\n%s\nwant\n%s", got, want)
	}
}

func TestDefaults(t *testing.T) {
	s, err := Parse([]byte(`{"name":"a.b","kind":"rest","url":"http://x/","native_id":".id"}`), false)
	if err != nil {
		t.Fatal(err)
	}
	if s.Stream != "a.b" || s.Dedupe.By != DedupeNativeID || s.Dedupe.Window.Of() != 10*time.Minute || s.Parse != ParseAuto || s.Redundancy != 1 {
		t.Errorf("%+v", s)
	}
	if r := s.REST; r.Every.Of() != 10*time.Second || r.Timeout.Of() != 10*time.Second || r.Method != "GET" || !r.Conditional {
		t.Errorf("%+v", r)
	}
	if s.Liveness != (Liveness{}) || s.Backoff.Min.Of() != time.Second || s.Backoff.Max.Of() != time.Minute {
		t.Errorf("%+v %+v", s.Liveness, s.Backoff)
	}
}

func TestRatesAndCallsAreRead(t *testing.T) {
	s, err := Parse([]byte(with("websocket", `"budget":{"requests":"20/s","connects":"0.5/m"},"websocket":{"before":{"url":"https://x/"}}`)), false)
	if err != nil {
		t.Fatal(err)
	}
	if b := s.Budget; b.Requests.Every != 50*time.Millisecond || b.Connects.Every != 2*time.Minute || b.Sends.Every != 0 {
		t.Errorf("%+v", b)
	}
	if c := s.WebSocket.Before; c.Method != "GET" || c.Timeout.Of() != 10*time.Second || c.Body != nil {
		t.Errorf("%+v", c)
	}
}

func TestEqualDocumentsHaveEqualHashes(t *testing.T) {
	a, err := Parse([]byte("kind: rest\nurl: 'https://x/é'\nname: n\nrest: {query: {a: 1.10}}\n"), true)
	if err != nil {
		t.Fatal(err)
	}
	b, err := Parse([]byte(`{"name":"n","rest":{"query":{"a":1.10}},"url":"https://x/\u00e9","kind":"rest"}`), false)
	if err != nil {
		t.Fatal(err)
	}
	if a.Hash != b.Hash || len(a.Hash) != 64 {
		t.Errorf("%s and %s", a.Hash, b.Hash)
	}
	if string(a.JSON) != `{"kind":"rest","url":"https://x/é","name":"n","rest":{"query":{"a":1.10}}}` {
		t.Errorf("the document as given: %s", a.JSON)
	}
}

// with puts fields into a small valid document of a kind; a null field is left out.
func with(kind, fields string) string {
	base := map[string]json.RawMessage{"name": json.RawMessage(`"n"`), "kind": json.RawMessage(`"` + kind + `"`)}
	base["url"] = json.RawMessage(`"https://x/"`)
	if kind == KindWebSocket {
		base["url"] = json.RawMessage(`"wss://x/"`)
	}
	more := map[string]json.RawMessage{}
	if err := json.Unmarshal([]byte("{"+fields+"}"), &more); err != nil {
		panic(fields + ": " + err.Error())
	}
	for k, v := range more {
		base[k] = v
		if string(v) == `"-"` {
			delete(base, k)
		}
	}
	out, err := json.Marshal(base)
	if err != nil {
		panic(err)
	}
	return string(out)
}

// faulty are documents with one fault each; free tells that a schema can't say it.
var faulty = []struct {
	document, path, message string
	free                    bool
}{
	{with("rest", `"name":"-"`), "/name", "is required", false},
	{with("rest", `"kind":"-"`), "/kind", "is required", false},
	{with("rest", `"url":"-"`), "/url", "is required", false},
	{with("rest", `"name":"Upper"`), "/name", `"Upper" is not allowed: must be tokens of`, false},
	{with("rest", `"name":"a..b"`), "/name", "is not allowed", false},
	{with("rest", `"name":"`+strings.Repeat("a", 64)+`"`), "/name", "has 64 characters, at most 63 are allowed", false},
	{with("rest", `"name":7`), "/name", "must be a name, is a number", false},
	{with("rest", `"key":null`), "/key", "must be a jq text, is null", false},
	{with("rest", `"key":""`), "/key", "must not be empty", false},
	{with("rest", `"kind":"rset"`), "/kind", `did you mean "rest"?`, false},
	{with("rest", `"transfrom":{}`), "/transfrom", `did you mean "transform"?`, false},
	{with("rest", `"url":"ftp://x/"`), "/url", "must begin with https://", false},
	{with("rest", `"url":"wss://x/"`), "/url", "as kind is rest", false},
	{with("rest", `"url":"https://u:p@x/"`), "/url", "${secret:NAME}", true},
	{with("rest", `"url":"https:///a"`), "/url", "has no host", false},
	{with("rest", `"url":"https://x/#a"`), "/url", "fragment", true},
	{with("rest", `"url":"https://x/${now"`), "/url", `has no closing "}"`, true},
	{with("rest", `"url":"https://x/${secret:../a}"`), "/url", "is no name of a secret", true},
	{with("rest", `"stream":"$own"`), "/stream", "begin with '$'", false},
	{with("rest", `"stream":"a.{"`), "/stream", `has a "{" without its "}"`, true},
	{with("rest", `"stream":"a..b"`), "/stream", "token 2 is empty", true},
	{with("rest", `"headers":{"authorization":"Bearer abc"}`), "/headers/authorization", "${secret:NAME}", false},
	{with("rest", `"headers":{"Cookie":"a=b"}`), "/headers/Cookie", "${secret:NAME}", false},
	{with("rest", `"headers":{"a b":"c"}`), "/headers/a b", "an HTTP header name", false},
	{with("rest", `"headers":{"host":"c"}`), "/headers/host", "written by the node itself", false},
	{with("rest", `"headers":{"X":"a\r\nb"}`), "/headers/X", "control character", true},
	{with("rest", `"headers":{"X":1}`), "/headers/X", "must be a text, is a number", false},
	{with("rest", `"dedupe":{"by":"native_id"}`), "/dedupe/by", "needs the field native_id", false},
	{with("rest", `"dedupe":{"window":"0s"}`), "/dedupe/window", "must be from 1s to", true},
	{with("rest", `"liveness":{"data":10}`), "/liveness/data", "has no unit", false},
	{with("rest", `"backoff":{"min":"2m"}`), "/backoff", "min must not be above max", true},
	{with("rest", `"on":[{"send":1}]`), "/on/0/when", "is required", false},
	{with("rest", `"on":[{"when":"true"}]`), "/on/0", "at least one of send, set, fail", false},
	{with("rest", `"on":[{"when":"true","send":{"a":["${"]}}]`), "/on/0/send/a/0", "no closing", true},
	{with("rest", `"websocket":{}`), "/websocket", "belongs to kind websocket", false},
	{with("websocket", `"rest":{}`), "/rest", "belongs to kind rest", false},
	{with("websocket", `"websocket":{"ping":{"send":"x"}}`), "/websocket/ping", "at least one of every, idle", false},
	{with("websocket", `"websocket":{"open":[null]}`), "/websocket/open/0", "is null", false},
	{with("rest", `"rest":{"method":"get"}`), "/rest/method", `"get" is none of GET`, false},
	{with("rest", `"rest":{"jitter":"101%"}`), "/rest/jitter", "from 0% to 100%", false},
	{with("rest", `"rest":{"query":{"a":{}}}`), "/rest/query/a", "is an object", false},
	{with("rest", `"rest":{"every":"1ms"}`), "/rest/every", "must be from 10ms", true},
	{with("rest", `"labels":{"a":1}`), "/labels/a", "must be a text", false},
	{with("rest", `"labels":{"-":"x"}`), "/labels/-", "is not allowed", false},
	{with("sse", `"sse":{"events":[]}`), "/sse/events", "must not be empty", false},
	{with("push", `"push":{}`), "/url", "a push source has no url", false},
	{with("push", `"url":"-","headers":{"A":"b"}`), "/headers", "to a push source the sender connects", false},
	{with("push", `"url":"-","rest":{"every":"1s"}`), "/rest", "belongs to kind rest", false},
	{with("push", `"url":"-","websocket":{}`), "/websocket", "belongs to kind websocket", false},
	{with("push", `"url":"-","sse":{}`), "/sse", "belongs to kind sse", false},
	{with("rest", `"push":{}`), "/push", "belongs to kind push", false},
	{with("push", `"url":"-","push":{"token":"abc"}`), "/push/token", "${secret:NAME}", true},
	{with("push", `"url":"-","push":{"token":"${ ${secret:a} | .[:1] }"}`), "/push/token", "not an expression", true},
	{with("push", `"url":"-","push":{"verify":{"alg":"sha1","header":"X-S","secret":"${secret:a}","of":"${secret:b}"}}`), "/push/verify/of", "must not have a secret", true},
	{with("push", `"url":"-","push":{"verify":{"alg":"sha256","header":"X-S"}}`), "/push/verify/secret", "is required", false},
	{with("push", `"url":"-","push":{"verify":{"alg":"sha256","header":"X-S","secret":"abc"}}`), "/push/verify/secret", "${secret:NAME}", true},
	{with("push", `"url":"-","push":{"verify":{"alg":"md5","header":"X-S","secret":"${secret:a}"}}`), "/push/verify/alg", `"md5" is none of sha1`, false},
	{with("push", `"url":"-","push":{"verify":{"alg":"sha1","header":"X S","secret":"${secret:a}"}}`), "/push/verify/header", "an HTTP header name", false},
	{with("push", `"url":"-","push":{"verify":{"alg":"sha1","header":"X-S","secret":"${secret:a}","of":"${"}}`), "/push/verify/of", "no closing", true},
	{with("rest", `"sequence":{}`), "/sequence/value", "is required", false},
	{with("rest", `"sequence":{"value":".n","on_gap":"stop"}`), "/sequence/on_gap", `"stop" is none of report, reconnect`, false},
	{with("rest", `"limit":{"every":"1s"}`), "/limit/policy", "is required", false},
	{with("rest", `"limit":{"policy":"sample"}`), "/limit/every", "is required", false},
	{with("rest", `"limit":{"policy":"sample","every":0}`), "/limit/every", "must be a duration", false},
	{with("rest", `"schema":true`), "/schema", "must be a JSON Schema", false},
	{with("rest", `"items":[]`), "/items", "must not be empty", false},
	{with("rest", `"redundancy":2`), "/redundancy", "needs the field native_id", false},
	{with("rest", `"redundancy":2,"native_id":".id","exclusive":true`), "/redundancy", "must be 1 where exclusive is true", false},
	{with("push", `"url":"-","redundancy":2`), "/redundancy", "a push source runs on every node", false},
	{with("rest", `"redundancy":17,"native_id":".id"`), "/redundancy", "from 1 to 16", false},
	{with("rest", `"since":{}`), "/since/from", "is required", true},
	{with("rest", `"since":{"from":".a","begin":1}`), "/since/begin", "is no field that is known here", true},
	{with("websocket", `"websocket":{"batch":0}`), "/websocket/batch", "from 1 to 10000", false},
	{with("websocket", `"websocket":{"decode":["gzip","lzma"]}`), "/websocket/decode/1", "is none of gzip", false},
	{with("websocket", `"websocket":{"renew":"1s"}`), "/websocket/renew", "must be from 1m", true},
	{with("websocket", `"websocket":{"before":{}}`), "/websocket/before/url", "is required", false},
	{with("websocket", `"websocket":{"before":{"url":"wss://x/"}}`), "/websocket/before/url", "must begin with https://", true},
	{with("websocket", `"websocket":{"before":{"url":"https://x/","post":1}}`), "/websocket/before/post", "is no field", false},
	{with("websocket", `"websocket":{"before":{"url":"https://x/","headers":{"Cookie":"a"}}}`), "/websocket/before/headers/Cookie", "${secret:NAME}", false},
	{with("websocket", `"websocket":{"before":{"url":"https://x/","auth":{"bearer":"a"}}}`), "/websocket/before/auth/bearer", "${secret:NAME}", false},
	{with("rest", `"auth":{}`), "/auth", "at least one of bearer, basic, oauth2, sign", false},
	{with("rest", `"auth":{"bearer":"x"}`), "/auth/bearer", "${secret:NAME}", false},
	{with("rest", `"auth":{"basic":{"user":"u","password":"p"}}`), "/auth/basic/password", "${secret:NAME}", false},
	{with("rest", `"auth":{"oauth2":{"token_url":"https://x/","client_id":"a","client_secret":"b"}}`), "/auth/oauth2/client_secret", "${secret:NAME}", false},
	{with("rest", `"auth":{"oauth2":{"token_url":"ws://x/","client_id":"a","client_secret":"${secret:b}"}}`), "/auth/oauth2/token_url", "must begin with https://", true},
	{with("rest", `"auth":{"bearer":"${secret:a}","basic":{"user":"u","password":"${secret:p}"}}`), "/auth", "bearer and basic exclude each other", true},
	{with("rest", `"auth":{"bearer":"${secret:a}"},"headers":{"authorization":"${secret:a}"}`), "/headers/authorization", "is written by auth", true},
	{with("rest", `"auth":{"sign":{"in":"header","name":"a b","value":"x"}}`), "/auth/sign/name", "an HTTP header name", true},
	{with("rest", `"auth":{"sign":{"in":"header","name":"Host","value":"x"}}`), "/auth/sign/name", "written by the node itself", true},
	{with("rest", `"auth":{"sign":{"in":"body","name":"a","value":"x"}}`), "/auth/sign/in", "is none of header, query", false},
	{with("rest", `"auth":{"sign":{"in":"query","name":"a","value":"x","secret":"s"}}`), "/auth/sign/secret", "${secret:NAME}", false},
	{with("rest", `"tls":{}`), "/tls", "at least one of ca, cert", false},
	{with("rest", `"tls":{"cert":"x"}`), "/tls", "cert and key need each other", true},
	{with("rest", `"tls":{"cert":"x","key":"y"}`), "/tls/key", "${secret:NAME}", false},
	{with("rest", `"proxy":"x"`), "/proxy", "must begin with http://, https:// or socks5://", false},
	{with("rest", `"proxy":"http://u:p@x"`), "/proxy", "${secret:NAME}", true},
	{with("rest", `"proxy":"http://x/path"`), "/proxy", "nothing behind the host", true},
	{with("rest", `"proxy":"http://${.item}/"`), "/proxy", "no expression", true},
	{with("rest", `"budget":{"requests":"0/s"}`), "/budget/requests", "a number above 0", false},
	{with("rest", `"budget":{"sends":"0.00/h"}`), "/budget/sends", "a number above 0", false},
	{with("rest", `"budget":{"connects":"5"}`), "/budget/connects", "such as 20/s", false},
	{with("rest", `"url":"${.before.url} x"`), "/url", "is no URL", true},
	{with("rest", `"rest":{"cron":"x"}`), "/rest/cron", "at least 6 are needed", false},
	{with("rest", `"rest":{"cron":"@daily","every":"1m"}`), "/rest/cron", "and every exclude each other", true},
	{with("rest", `"rest":{"pages":{}}`), "/rest/pages/next", "is required", false},
	{with("rest", `"rest":{"pages":{"next":"link","max":0}}`), "/rest/pages/max", "from 1 to", false},
	{with("rest", `"rest":{"pages":{"next":"link","until":"seen"}}`), "/rest/pages/until", "give native_id, or dedupe", true},
	{with("rest", `"rest":{"pages":{"next":"link","until":"seen"}},"native_id":".a","dedupe":{"by":"change"}`), "/rest/pages/until", "by native_id or payload", true},
}

func TestFaults(t *testing.T) {
	for _, c := range faulty {
		_, err := Parse([]byte(c.document), false)
		var faults Faults
		if !errors.As(err, &faults) || len(faults) != 1 || faults[0].Path != c.path || !strings.Contains(faults[0].Message, c.message) {
			t.Errorf("%s\n gives %v\n want %s: %s", c.document, err, c.path, c.message)
		}
	}
}

func TestAllFaultsAtOnce(t *testing.T) {
	_, err := Parse([]byte(`{"name":"A","kind":"rest","rest":{"every":1,"x":2},"zzz":1}`), false)
	var faults Faults
	if !errors.As(err, &faults) || len(faults) != 5 {
		t.Fatalf("%v", err)
	}
	if err := func() error { _, err := Parse([]byte("["+strings.Repeat("1,", 5)+"1]"), false); return err }(); err == nil {
		t.Fatal("an array is no spec")
	}
}

func TestDocumentFaults(t *testing.T) {
	for _, c := range []struct {
		document string
		yaml     bool
		message  string
	}{
		{`{"name":"a",}`, false, "is not JSON: at byte 12"},
		{`{"name":"a","name":"b"}`, false, "is given twice"},
		{"name: a\nname: b\n", true, "is given twice"},
		{"name: [", true, "is not YAML"},
		{"", true, "the document is empty"},
		{"a: 1\n---\nb: 2\n", true, "exactly one YAML document"},
		{"a: .inf\n", true, `".inf" is no number`},
		{"a: !!binary aGk=\n", true, "the tag !!binary is not allowed"},
		{"a: &a {b: 1}\nc: {<<: *a}\n", true, "merge keys"},
		{"? [a]\n: 1\n", true, "a key must be a text"},
		{"a: &a [*a]\n", true, ""},
		{"a: &a [x,x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b,*b]\nd: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c,*c]\ne: &e [*d,*d,*d,*d,*d,*d,*d,*d,*d,*d]\nf: [*e,*e,*e,*e]\n", true, "with its aliases written out"},
		{"[1]", false, "must be an object"},
		{strings.Repeat(" ", MaxDocument+1), false, "at most 262144 are allowed"},
		{strings.Repeat("[", 200) + strings.Repeat("]", 200), false, "nests deeper than 128"},
	} {
		_, err := Parse([]byte(c.document), c.yaml)
		var faults Faults
		if !errors.As(err, &faults) || !strings.Contains(err.Error(), c.message) {
			t.Errorf("%.60q gives %v; want %q", c.document, err, c.message)
		}
	}
}

func TestYAMLNumbersKeepTheirText(t *testing.T) {
	got, err := fromYAML([]byte("[1.10, 9007199254740993, 0x10, .5, -0, '1', yes, on, null, ~, true, 2026-11-22, 0o17, +5]"))
	if err != nil || string(got) != `[1.10,9007199254740993,16,0.5,-0,"1","yes","on",null,null,true,"2026-11-22",15,5]` {
		t.Errorf("%s %v", got, err)
	}
}

func TestPieces(t *testing.T) {
	for text, want := range map[string]string{
		"plain":                            "[{plain false false []}]",
		"a${.x}b":                          "[{a false false []} {.x true false []} {b false false []}]",
		`${{a: "}"}}`:                      `[{{a: "}"} true false []}]`,
		`${"\(.a | "}")"}`:                 `[{"\(.a | "}")" true false []}]`,
		"${secret:a.b}":                    "[{a.b false true []}]",
		"${.a # }\n}":                      "[{.a # }\n true false []}]",
		`${"\""}`:                          `[{"\"" true false []}]`,
		"$x {y}":                           "[{$x {y} false false []}]",
		"":                                 "[]",
		`${hash("md5"; ${secret:k})}`:      `[{hash("md5"; $__secrets["k"]) true false [k]}]`,
		`${"a${secret:k}b\(${secret:k})"}`: `[{"a\($__secrets["k"])b\($__secrets["k"])" true false [k]}]`,
		`${"\\${secret:k}\(("}") + ${ secret:j })" + "${secret:.}"}`: `[{"\\\($__secrets["k"])\(("}") + $__secrets["j"])" + "${secret:.}" true false [k j]}]`,
		"${1 # ${secret:k\n}":       "[{1 # ${secret:k\n true false []}]",
		`${[.a[]] | map({b: .})}/$`: `[{[.a[]] | map({b: .}) true false []} {/$ false false []}]`,
	} {
		got, err := Pieces(text)
		if err != nil || fmt.Sprint(got) != want {
			t.Errorf("%q gives %v %v; want %s", text, got, err, want)
		}
	}
	for _, text := range []string{"${", "${}", "${ }", "${(}", "${secret:}", "${secret:.x}", "${secret:a.hosts}", `${"}`} {
		if _, err := Pieces(text); err == nil {
			t.Errorf("%q passes", text)
		}
	}
}

func TestStreamPieces(t *testing.T) {
	got, err := StreamPieces(`a.{x}.{.b.c[0]}-{["d e"]}`)
	want := "[{a. []} {x [{x 0 false}]} {. []} {.b.c[0] [{b 0 false} {c 0 false} { 0 true}]} {- []} {[\"d e\"] [{d e 0 false}]}]"
	if err != nil || fmt.Sprint(got) != want {
		t.Errorf("%v %v", got, err)
	}
	for _, text := range []string{"", "{}", "a.{b", "a}", "$a", "{a b}", "a.{b|c}", "a b", strings.Repeat("a.", 17) + "a"} {
		if _, err := StreamPieces(text); err == nil {
			t.Errorf("%q passes", text)
		}
	}
}

func compiledSchema(t *testing.T) *jsonschema.Schema {
	t.Helper()
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(Schema()))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("source.json", document); err != nil {
		t.Fatal(err)
	}
	schema, err := c.Compile("source.json")
	if err != nil {
		t.Fatal(err)
	}
	return schema
}

func TestSchemaAgreesWithParse(t *testing.T) {
	schema := compiledSchema(t)
	validates := func(document string) bool {
		v, err := jsonschema.UnmarshalJSON(strings.NewReader(document))
		if err != nil {
			t.Fatal(err)
		}
		return schema.Validate(v) == nil
	}
	asJSON, err := fromYAML([]byte(whole))
	if err != nil {
		t.Fatal(err)
	}
	good := []string{
		string(asJSON), polled, with("rest", ``), with("websocket", `"websocket":{}`), with("websocket", `"on":[]`),
		with("rest", `"liveness":{"data":"0s","transport":0}`), with("rest", `"rest":{"jitter":"2s","body":null}`),
		with("rest", `"url":"https://${secret:u}:${secret:p}@x/"`), with("rest", `"headers":{"Cookie":"a=${secret:c}","X":""}`),
		with("rest", `"auth":{"basic":{"user":"u","password":"${secret:p}"},"sign":{"in":"query","name":"a","value":"${hmac(\"sha256\"; $secret; .request.query)}","secret":"${secret:s}"}}`),
		with("rest", `"auth":{"oauth2":{"token_url":"https://x/t","client_id":"a","client_secret":"${secret:b}","scopes":["a"],"params":{"audience":"x"}}}`),
		with("rest", `"tls":{"ca":"x","cert":"y","key":"${secret:k}"},"proxy":"socks5://u:${secret:p}@x:1080","budget":{"requests":"0.50/m","connects":"1/s","sends":"1200/h"}`),
		with("websocket", `"url":"${.before.u}?t=${.before.t}","websocket":{"before":{"url":"https://x/","method":"POST","headers":{},"query":{"a":[1]},"body":{"a":null},"timeout":"3s"}}`),
		with("rest", `"items":["a",1,{"b":null}],"rest":{"cron":"*/5 * * * *","pages":{"next":".next","param":"cursor","until":".last"}}`),
		with("rest", `"native_id":".a","rest":{"pages":{"next":"link","max":5,"until":"seen"}}`),
		with("rest", `"transform":{},"labels":{},"stream":"{a}.b"`), with("rest", `"rest":{"every":"1w2d12h","timeout":"1.5s"}`),
	}
	for _, document := range good {
		_, err := Parse([]byte(document), false)
		if valid := validates(document); (err == nil) != valid {
			t.Errorf("%s\n parses: %v, validates: %v", document, err, valid)
		}
		if err != nil {
			t.Errorf("%s\n does not parse: %v", document, err)
		}
	}
	for _, c := range faulty {
		if !c.free && validates(c.document) {
			t.Errorf("%s\n validates, and is faulty: %s: %s", c.document, c.path, c.message)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(whole), true)
	f.Add([]byte(polled), false)
	for _, c := range faulty {
		f.Add([]byte(c.document), false)
	}
	f.Fuzz(func(t *testing.T, document []byte, yaml bool) {
		s, err := Parse(document, yaml)
		var faults Faults
		if err != nil {
			if !errors.As(err, &faults) || len(faults) == 0 {
				t.Fatalf("%v are no faults", err)
			}
			return
		}
		again, err := Parse(s.JSON, false)
		if err != nil || again.Hash != s.Hash || !bytes.Equal(again.JSON, s.JSON) {
			t.Fatalf("what was parsed does not parse: %v", err)
		}
		s.Secrets()
	})
}
