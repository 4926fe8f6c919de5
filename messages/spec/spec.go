package spec

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"anode/messages/units"
)

// The kinds of sources.
const (
	KindREST      = "rest"
	KindWebSocket = "websocket"
	KindSSE       = "sse"
	KindPush      = "push"
)

// How messages are parsed.
const (
	ParseAuto   = "auto"
	ParseJSON   = "json"
	ParseNDJSON = "ndjson"
	ParseText   = "text"
	ParseLines  = "lines"
	ParseCSV    = "csv"
	ParseXML    = "xml"
	ParseBinary = "binary"
)

// What a duplicate is told by.
const (
	DedupeNativeID = "native_id"
	DedupePayload  = "payload"
	DedupeChange   = "change"
	DedupeNone     = "none"
)

// What is done about a hole in the feed's numbering.
const (
	GapReport    = "report"
	GapReconnect = "reconnect"
)

// Which record of an interval passes.
const (
	LimitConflate = "conflate"
	LimitSample   = "sample"
)

// Spec is a parsed document with its defaults filled in. Values of type any are templates:
// JSON with json.Number for numbers, whose texts may have ${…}.
type Spec struct {
	// JSON is the document as given, as compact JSON.
	JSON json.RawMessage `json:"-"`
	// Hash is the SHA-256, in hexadecimal, of the document with sorted keys: equal documents,
	// in whichever form, have equal hashes.
	Hash string `json:"-"`

	Name string `json:"name"`
	Kind string `json:"kind"`
	// URL is a template.
	URL string `json:"url"`
	// Stream is a stream template (StreamPieces); default: the name.
	Stream string `json:"stream"`
	// Headers are templates.
	Headers map[string]string `json:"headers"`
	Auth    *Auth             `json:"auth"`
	TLS     *TLS              `json:"tls"`
	Proxy   string            `json:"proxy"`
	Items   []any             `json:"items"`
	// Parse is one of the Parse constants; default ParseAuto.
	Parse     string    `json:"parse"`
	Transform Transform `json:"transform"`
	// Key, NativeID and Time are jq over the mapped value; empty means none.
	Key      string `json:"key"`
	NativeID string `json:"native_id"`
	Time     string `json:"time"`
	// Schema is a JSON Schema for the mapped value; nil means none.
	Schema   json.RawMessage `json:"schema"`
	Dedupe   Dedupe          `json:"dedupe"`
	Sequence *Sequence       `json:"sequence"`
	Limit    *Limit          `json:"limit"`
	On       []Rule          `json:"on"`
	Since    *Since          `json:"since"`
	Liveness Liveness        `json:"liveness"`
	Backoff  Backoff         `json:"backoff"`
	Budget   *Budget         `json:"budget"`
	// Exclusive forbids two connections at once.
	Exclusive bool `json:"exclusive"`
	// Redundancy is how many owners collect at once; default 1.
	Redundancy int               `json:"redundancy"`
	Nodes      map[string]string `json:"nodes"`
	Paused     bool              `json:"paused"`
	// WebSocket, REST, SSE and Push belong to the kinds of these names: the one of Kind is
	// set, the others are nil.
	WebSocket *WebSocket        `json:"websocket"`
	REST      *REST             `json:"rest"`
	SSE       *SSE              `json:"sse"`
	Push      *Push             `json:"push"`
	Labels    map[string]string `json:"labels"`
}

// Transform is jq over the decoded message, each part optional, in this order.
type Transform struct {
	Where string `json:"where"`
	Split string `json:"split"`
	Map   string `json:"map"`
}

// Dedupe says what a duplicate is and for how long.
type Dedupe struct {
	// By is one of the Dedupe constants; default DedupeNativeID where native_id is given,
	// else DedupeNone.
	By string `json:"by"`
	// Window defaults to 10 minutes.
	Window Duration `json:"window"`
}

// Rule is done for messages for which When is true: at least one of the others is set.
type Rule struct {
	When string `json:"when"`
	// Send is a template; nil means nothing is sent.
	Send any `json:"send"`
	// Set is jq whose object goes into $state.
	Set string `json:"set"`
	// Fail is a template: the reason for which the connection is closed.
	Fail string `json:"fail"`
}

// Liveness are the three clocks; 0 means off.
type Liveness struct {
	// Transport is any byte; default 30 s for websocket and sse, else off.
	Transport Duration `json:"transport"`
	// Protocol is a decoded message; default 60 s for websocket and sse, else off.
	Protocol Duration `json:"protocol"`
	// Data is a message that made a record; default off.
	Data Duration `json:"data"`
}

// Backoff bounds the pause between attempts; default 1 s doubling to 60 s.
type Backoff struct {
	Min Duration `json:"min"`
	Max Duration `json:"max"`
}

// WebSocket is how a connection is opened and kept.
type WebSocket struct {
	// Before is a call whose answer templates have as .before; nil means none.
	Before       *Call    `json:"before"`
	Subprotocols []string `json:"subprotocols"`
	// Open are templates of the frames sent first, in order.
	Open   []any    `json:"open"`
	Batch  int      `json:"batch"`
	Ping   *Ping    `json:"ping"`
	Decode []string `json:"decode"`
	Renew  Duration `json:"renew"`
}

// Ping is an application's ping.
type Ping struct {
	// Every sends one at that pace; 0 means not.
	Every Duration `json:"every"`
	// Idle sends one after that long without a message; 0 means not.
	Idle Duration `json:"idle"`
	// Send is a template; default "ping".
	Send any `json:"send"`
}

// Call is a request that is made before a connection. All texts are templates.
type Call struct {
	// Method defaults to GET.
	Method  string            `json:"method"`
	URL     string            `json:"url"`
	Headers map[string]string `json:"headers"`
	Query   map[string]any    `json:"query"`
	// Body is nil where there is none.
	Body any `json:"body"`
	// Auth is its own: that of the source is for the feed.
	Auth *Auth `json:"auth"`
	// Timeout bounds it; default 10 s.
	Timeout Duration `json:"timeout"`
}

// REST is how a URL is polled.
type REST struct {
	// Before is called before the first poll, and again after a poll that failed; nil means none.
	Before *Call `json:"before"`
	// Method defaults to GET.
	Method string `json:"method"`
	// Query are templates: texts, numbers, booleans, or lists of them; null leaves it out.
	Query map[string]any `json:"query"`
	// Body is a template; nil means none.
	Body any `json:"body"`
	// Every defaults to 10 s.
	Every Duration `json:"every"`
	// Cron is five fields, in UTC, or such as @daily: it counts instead of Every. It is read elsewhere.
	Cron   string `json:"cron"`
	Jitter Jitter `json:"jitter"`
	// Timeout bounds one request; default 10 s.
	Timeout Duration `json:"timeout"`
	// Conditional sends ETag and Last-Modified back; default true.
	Conditional bool   `json:"conditional"`
	Pages       *Pages `json:"pages"`
}

// What Pages.Next and Pages.Until may be beside jq.
const (
	NextLink   = "link"
	NextOffset = "offset"
	UntilSeen  = "seen"
)

// Pages is how the pages of an answer are walked.
type Pages struct {
	// Next is NextLink, the header Link (RFC 8288) with rel=next; NextOffset, the count of all values so far; or
	// jq over the decoded page: a cursor, or the URL of the next page. Null, false and empty are the end.
	Next string `json:"next"`
	// Param is the parameter of the query that a cursor or an offset is sent as; default "offset" for an offset that
	// no template places, else none.
	Param string `json:"param"`
	// Max is the most pages of one walk; default 100.
	Max int `json:"max"`
	// Until ends a walk with a page: UntilSeen, where its last record was known before the walk; or jq over
	// the decoded page that is true. Empty is never.
	Until string `json:"until"`
}

// mostPages is the default of Pages.Max.
const mostPages = 100

// SSE is which events of a server-sent stream are read.
type SSE struct {
	// Before is a call whose answer templates have as .before; nil means none.
	Before *Call    `json:"before"`
	Events []string `json:"events"`
}

// Push is who may push: all that is given must hold.
type Push struct {
	// Token is a template of what a sender must show; empty means none.
	Token  string  `json:"token"`
	Verify *Verify `json:"verify"`
}

// Verify is how the signature of a push is checked: an HMAC.
type Verify struct {
	// Alg is sha1, sha256 or sha512.
	Alg string `json:"alg"`
	// Header has the signature, in hexadecimal or base64.
	Header string `json:"header"`
	// Secret is a template of the key.
	Secret string `json:"secret"`
	// Of is a template of what is signed, over .request.headers and .request.body; empty means the body.
	Of string `json:"of"`
}

// Auth is how requests are authorised: at most one of the first three, and Sign. All texts are templates.
type Auth struct {
	Bearer string  `json:"bearer"`
	Basic  *Basic  `json:"basic"`
	OAuth2 *OAuth2 `json:"oauth2"`
	Sign   *Sign   `json:"sign"`
}

// Basic is RFC 7617.
type Basic struct {
	User     string `json:"user"`
	Password string `json:"password"`
}

// OAuth2 is the client credentials grant of RFC 6749.
type OAuth2 struct {
	TokenURL     string   `json:"token_url"`
	ClientID     string   `json:"client_id"`
	ClientSecret string   `json:"client_secret"`
	Scopes       []string `json:"scopes"`
	// Params are sent to the token's server too, such as an audience.
	Params map[string]string `json:"params"`
}

// Sign puts a computed value into each request, last.
type Sign struct {
	// In is "header" or "query", Name the header's or the parameter's.
	In    string `json:"in"`
	Name  string `json:"name"`
	Value string `json:"value"`
	// Secret is what the expressions of Value have as $secret; empty means none.
	Secret string `json:"secret"`
}

// TLS has the authorities that count instead of the system's, and the identity of a connection, in PEM.
// All texts are templates.
type TLS struct {
	CA   string `json:"ca"`
	Cert string `json:"cert"`
	Key  string `json:"key"`
}

// Sequence is the feed's own numbering.
type Sequence struct {
	// Value and Per are jq over the mapped value: the number, and what is numbered; empty means the source.
	Value string `json:"value"`
	Per   string `json:"per"`
	// OnGap is one of the Gap constants; default GapReport.
	OnGap string `json:"on_gap"`
}

// Limit thins records out, by stream and key.
type Limit struct {
	// Policy is one of the Limit constants.
	Policy string `json:"policy"`
	// Every is the interval in which one passes.
	Every Duration `json:"every"`
}

// Since is incremental state.
type Since struct {
	From  string `json:"from"`
	Start any    `json:"start"`
}

// Budget are the most that a host gets of all sources; the zero Rate says nothing.
type Budget struct {
	Requests Rate `json:"requests"`
	Connects Rate `json:"connects"`
	Sends    Rate `json:"sends"`
}

// Rate is so many a time, written as 20/s.
type Rate struct {
	// Every is the time from one to the next; 0 means no bound.
	Every time.Duration
}

// UnmarshalJSON reads a number above 0, "/" and s, m or h.
func (r *Rate) UnmarshalJSON(raw []byte) error {
	var text string
	if err := json.Unmarshal(raw, &text); err != nil {
		return err
	}
	number, unit, _ := strings.Cut(text, "/")
	n, err := strconv.ParseFloat(number, 64)
	per := map[string]time.Duration{"s": time.Second, "m": time.Minute, "h": time.Hour}[unit]
	if err != nil || !(n > 0) || per == 0 {
		return fmt.Errorf("%q is no rate", text)
	}
	r.Every = time.Duration(max(1, math.Ceil(min(float64(per)/n, float64(math.MaxInt64)/2))))
	return nil
}

// Duration is a time span that is written as units.ParseDuration reads it, or as 0.
type Duration time.Duration

// Of is the span itself.
func (d Duration) Of() time.Duration { return time.Duration(d) }

// UnmarshalJSON reads a text, or the number 0.
func (d *Duration) UnmarshalJSON(raw []byte) error {
	if string(raw) == "0" {
		*d = 0
		return nil
	}
	var text string
	if err := json.Unmarshal(raw, &text); err != nil {
		return err
	}
	parsed, err := units.ParseDuration(text)
	*d = Duration(parsed)
	return err
}

// Jitter is by how much at most a pause is lengthened: a part of it, or a span.
type Jitter struct {
	// Part is from 0 to 1; it counts where Span is 0.
	Part float64
	Span time.Duration
}

// Of is the most that a pause is lengthened by.
func (j Jitter) Of(pause time.Duration) time.Duration {
	if j.Span > 0 {
		return j.Span
	}
	return time.Duration(j.Part * float64(pause))
}

// UnmarshalJSON reads "10%" or a duration.
func (j *Jitter) UnmarshalJSON(raw []byte) error {
	var text string
	if err := json.Unmarshal(raw, &text); err != nil {
		return err
	}
	if number, percent := strings.CutSuffix(text, "%"); percent {
		part, err := strconv.ParseFloat(number, 64)
		*j = Jitter{Part: part / 100}
		return err
	}
	span, err := units.ParseDuration(text)
	*j = Jitter{Span: span}
	return err
}

// decode fills a Spec from a document that has passed the rules.
func decode(document []byte) (*Spec, error) {
	s := &Spec{Parse: ParseAuto, Redundancy: 1, Backoff: Backoff{Min: Duration(time.Second), Max: Duration(time.Minute)}}
	var head struct {
		Kind   string `json:"kind"`
		Dedupe *struct {
			Window any `json:"window"`
		} `json:"dedupe"`
	}
	if err := json.Unmarshal(document, &head); err != nil {
		return nil, err
	}
	switch head.Kind {
	case KindWebSocket:
		s.WebSocket = &WebSocket{}
		s.Liveness = Liveness{Transport: Duration(30 * time.Second), Protocol: Duration(time.Minute)}
	case KindREST:
		s.REST = &REST{Method: "GET", Every: Duration(10 * time.Second), Timeout: Duration(10 * time.Second), Conditional: true}
	case KindSSE:
		s.SSE = &SSE{}
		s.Liveness = Liveness{Transport: Duration(30 * time.Second), Protocol: Duration(time.Minute)}
	case KindPush:
		s.Push = &Push{}
	}
	s.Dedupe.Window = Duration(10 * time.Minute)
	d := json.NewDecoder(bytes.NewReader(document))
	d.UseNumber()
	if err := d.Decode(s); err != nil {
		return nil, err
	}
	s.JSON = document
	s.fill()
	return s, nil
}

// calls are the calls that the spec has.
func (s *Spec) calls() []*Call {
	var all []*Call
	if s.WebSocket != nil {
		all = append(all, s.WebSocket.Before)
	}
	if s.REST != nil {
		all = append(all, s.REST.Before)
	}
	if s.SSE != nil {
		all = append(all, s.SSE.Before)
	}
	return slices.DeleteFunc(all, func(c *Call) bool { return c == nil })
}

// fill sets the defaults that depend on other fields.
func (s *Spec) fill() {
	if s.Stream == "" {
		s.Stream = s.Name
	}
	if s.Dedupe.By == "" {
		s.Dedupe.By = DedupeNone
		if s.NativeID != "" {
			s.Dedupe.By = DedupeNativeID
		}
	}
	for _, call := range s.calls() {
		if call.Method == "" {
			call.Method = "GET"
		}
		if call.Timeout == 0 {
			call.Timeout = Duration(10 * time.Second)
		}
	}
	if s.Sequence != nil && s.Sequence.OnGap == "" {
		s.Sequence.OnGap = GapReport
	}
	if s.REST != nil && s.REST.Pages != nil && s.REST.Pages.Max == 0 {
		s.REST.Pages.Max = mostPages
	}
	if s.WebSocket != nil && s.WebSocket.Ping != nil && s.WebSocket.Ping.Send == nil {
		s.WebSocket.Ping.Send = "ping"
	}
}
