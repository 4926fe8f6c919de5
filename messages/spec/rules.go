package spec

import (
	"regexp"
	"sync"
	"time"

	"anode/messages/jsontext"
)

const (
	namePattern  = `^[a-z0-9_-]+(\.[a-z0-9_-]+)*$`
	tokenPattern = "^[A-Za-z0-9!#$%&'*+.^_`|~-]+$"
	labelPattern = `^[A-Za-z0-9]([A-Za-z0-9_./-]{0,61}[A-Za-z0-9])?$`
	ratePattern  = `^([0-9]*[1-9][0-9]*(\.[0-9]+)?|[0-9]+\.[0-9]*[1-9][0-9]*)/(s|m|h)$`
	jitterText   = `^(([0-9]|[1-9][0-9])(\.[0-9]+)?%|100%|([0-9]+(\.[0-9]+)?(ms|s|m|h))+)$`

	day = 24 * time.Hour
)

// mostName is the longest name of a source.
const mostName = 63

var nameText = regexp.MustCompile(namePattern)

// Named tells whether a source may be called so.
func Named(text string) bool { return len(text) <= mostName && nameText.MatchString(text) }

// language is the whole language, made once: it is not changed.
var language = sync.OnceValue(newLanguage)

// newLanguage is the whole language, field by field.
func newLanguage() *rule {
	return object("an object",
		field{"name", matching("a name", namePattern, mostName, "tokens of a-z, 0-9, '_' and '-' joined by dots")},
		field{"kind", oneOf(KindREST, KindWebSocket, KindSSE, KindPush)},
		field{"url", urlRule()},
		field{"stream", streamRule()},
		field{"headers", headersRule()},
		field{"auth", authRule()},
		field{"tls", tlsRule()},
		field{"proxy", templated("a URL", 1, 2048).also(proxyFault, map[string]any{"pattern": `^(https?|socks5h?)://[^\s#/?]`})},
		field{"items", list("a list", template(), 1, 10_000)},
		field{"parse", oneOf(ParseAuto, ParseJSON, ParseNDJSON, ParseText, ParseLines, ParseCSV, ParseXML, ParseBinary)},
		field{"transform", object("an object", field{"where", jq(filterRole)}, field{"split", jq(valueRole)}, field{"map", jq(valueRole)})},
		field{"key", jq(valueRole)},
		field{"native_id", jq(valueRole)},
		field{"time", jq(valueRole)},
		field{"schema", opaque("a JSON Schema")},
		field{"dedupe", object("an object", field{"by", oneOf(DedupeNativeID, DedupePayload, DedupeChange, DedupeNone)}, field{"window", duration(time.Second, 30*day, false)})},
		field{"sequence", object("an object", field{"value", jq(valueRole)}, field{"per", jq(valueRole)}, field{"on_gap", oneOf(GapReport, GapReconnect)}).needs("value")},
		field{"limit", object("an object", field{"policy", oneOf(LimitConflate, LimitSample)}, field{"every", duration(time.Millisecond, day, false)}).needs("policy", "every")},
		field{"on", list("a list of rules", onRule(), 0, 100)},
		field{"since", object("an object", field{"from", jq(valueRole)}, field{"start", template()}).needs("from")},
		field{"liveness", object("an object", field{"transport", clockRule()}, field{"protocol", clockRule()}, field{"data", clockRule()})},
		field{"backoff", object("an object", field{"min", duration(10*time.Millisecond, time.Hour, false)}, field{"max", duration(10*time.Millisecond, day, false)})},
		field{"budget", object("an object", field{"requests", rateRule()}, field{"connects", rateRule()}, field{"sends", rateRule()})},
		field{"exclusive", flag()},
		field{"redundancy", integer(1, 16)},
		field{"nodes", labelsRule()},
		field{"paused", flag()},
		field{"websocket", websocketRule()},
		field{"rest", restRule()},
		field{"sse", object("an object", field{"before", callRule()}, field{"events", list("a list of texts", text("a text", 1, 255), 1, 1000)})},
		field{"push", pushRule()},
		field{"labels", labelsRule()},
	).needs("name", "kind")
}

func urlRule() *rule {
	return templated("a URL", 1, 8192).also(urlFault, map[string]any{"pattern": `^((https?|wss?)://[^\s#/?]|\$\{)`})
}

func streamRule() *rule {
	return text("a stream name, with {path} for parts of the value", 1, maxStreamTemplate).also(func(text string) string {
		if _, err := StreamPieces(text); err != nil {
			return err.Error()
		}
		return ""
	}, map[string]any{"pattern": `^[A-Za-z0-9_{-]`})
}

func headersRule() *rule {
	r := table("an object of texts", templated("a text", 0, 8192).also(headerText, nil), 100, tokenPattern, "an HTTP header name")
	token := r.name
	r.name = func(name string) string {
		if what := token(name); what != "" {
			return what
		}
		return ownHeader(name)
	}
	r.value = headerSecret
	return r
}

func clockRule() *rule { return duration(10*time.Millisecond, 365*day, true) }

func rateRule() *rule {
	return matching("a rate such as 20/s", ratePattern, 32, "a number above 0, '/' and s, m or h, such as 20/s")
}

func labelsRule() *rule {
	return table("an object of texts", text("a text", 0, 255), 64, labelPattern, "1 to 63 of A-Z, a-z, 0-9, '_', '.', '/' and '-', with a letter or digit at both ends")
}

func onRule() *rule {
	return object("a rule with when and one of send, set and fail",
		field{"when", jq(filterRole)},
		field{"send", sendRule()},
		field{"set", jq(valueRole)},
		field{"fail", templated("a text", 1, 4096)},
	).needs("when").needsAny("send", "set", "fail")
}

// sendRule is a template of what is sent: null would send nothing.
func sendRule() *rule {
	r := template()
	r.is = "a text, an object or a list"
	r.kinds = []jsontext.Kind{jsontext.Text, jsontext.Array, jsontext.Object, jsontext.Number, jsontext.Bool}
	r.schema = map[string]any{"type": []string{"string", "array", "object", "number", "boolean"}}
	return r
}

func websocketRule() *rule {
	return object("an object",
		field{"before", callRule()},
		field{"subprotocols", list("a list of texts", matching("a subprotocol", tokenPattern, 255, "a token of letters, digits and -._~ and the like"), 0, 32)},
		field{"open", list("a list of frames", sendRule(), 0, 1000)},
		field{"batch", integer(1, 10_000)},
		field{"ping", object("an object",
			field{"every", duration(10*time.Millisecond, day, false)},
			field{"idle", duration(10*time.Millisecond, day, false)},
			field{"send", sendRule()},
		).needsAny("every", "idle")},
		field{"decode", list("a list", oneOf("gzip", "deflate", "zstd", "base64"), 1, 4)},
		field{"renew", duration(time.Minute, 365*day, false)},
	)
}

// callRule is a call before the connection.
func callRule() *rule {
	return object("a request",
		field{"method", methodRule()},
		field{"url", urlRule()},
		field{"headers", headersRule()},
		field{"query", queryRule()},
		field{"body", template()},
		field{"auth", authRule()},
		field{"timeout", duration(10*time.Millisecond, time.Hour, false)},
	).needs("url")
}

func methodRule() *rule { return oneOf("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD") }

func queryRule() *rule {
	scalar := &rule{
		is: "a text, number, boolean or null", role: templateRole,
		kinds:  []jsontext.Kind{jsontext.Text, jsontext.Number, jsontext.Bool, jsontext.Null},
		schema: map[string]any{"type": []string{"string", "number", "boolean", "null"}},
	}
	query := *scalar
	query.is = "a text, number, boolean, null, or a list of them"
	query.kinds = append(query.kinds[:len(query.kinds):len(query.kinds)], jsontext.Array)
	query.schema = map[string]any{"type": []string{"string", "number", "boolean", "null", "array"}}
	query.each, query.max = scalar, 1000
	return table("an object", &query, 200, `^.{1,255}$`, "1 to 255 characters")
}

func restRule() *rule {
	return object("an object",
		field{"before", callRule()},
		field{"method", methodRule()},
		field{"query", queryRule()},
		field{"body", template()},
		field{"every", duration(10*time.Millisecond, 30*day, false)},
		field{"cron", text("a cron text", 6, 255)},
		field{"jitter", matching("a part such as 10%, or a duration", jitterText, 32, "from 0% to 100%, or a duration such as 2s")},
		field{"timeout", duration(10*time.Millisecond, time.Hour, false)},
		field{"conditional", flag()},
		field{"pages", object("an object", field{"next", jq(valueRole)}, field{"param", text("a text", 1, 255)}, field{"max", integer(1, 1_000_000)}, field{"until", jq(filterRole)}).needs("next")},
	)
}

func authRule() *rule {
	secret := func() *rule { return templated("a text", 1, 8192).also(secretFault, literal()) }
	return object("one of bearer, basic and oauth2, or sign, or one and sign",
		field{"bearer", secret()},
		field{"basic", object("an object", field{"user", templated("a text", 1, 8192)}, field{"password", secret()}).needs("user", "password")},
		field{"oauth2", object("an object", field{"token_url", urlRule()}, field{"client_id", templated("a text", 1, 8192)}, field{"client_secret", secret()}, field{"scopes", list("a list of texts", text("a text", 1, 255), 0, 100)}, field{"params", table("an object of texts", templated("a text", 0, 8192), 100, `^.{1,255}$`, "1 to 255 characters")}).needs("token_url", "client_id", "client_secret")},
		field{"sign", object("an object", field{"in", oneOf("header", "query")}, field{"name", text("a text", 1, 255)}, field{"value", templated("a text", 1, 8192)}, field{"secret", secret()}).needs("in", "name", "value")},
	).needsAny("bearer", "basic", "oauth2", "sign")
}

func pushRule() *rule {
	secret := func() *rule { return templated("a text", 1, 8192).also(plainSecretFault, literal()) }
	return object("an object",
		field{"token", secret()},
		field{"verify", object("an object", field{"alg", oneOf("sha1", "sha256", "sha512")}, field{"header", matching("a header name", tokenPattern, 255, "an HTTP header name")}, field{"secret", secret()}, field{"of", templated("a text", 1, 8192).also(noSecretFault, nil)}).needs("alg", "header", "secret")},
	)
}

// literal is what a schema can say of a text that must not be a literal.
func literal() map[string]any { return map[string]any{"pattern": `\$\{`} }

func tlsRule() *rule {
	pem := func() *rule { return templated("a text in PEM", 1, 64<<10) }
	return object("an object", field{"ca", pem()}, field{"cert", pem()}, field{"key", pem().also(secretFault, literal())}).needsAny("ca", "cert")
}
