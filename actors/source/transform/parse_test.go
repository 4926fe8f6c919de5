package transform

import (
	"context"
	"encoding/binary"
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode/utf16"

	"anode/messages"
)

func payloads(r Result) (all []string) {
	for _, d := range r.Drafts {
		all = append(all, string(d.Payload))
	}
	return all
}

// same compares lists of texts, and shows the first difference.
func same(t *testing.T, what string, got, want []string) {
	t.Helper()
	for i := range max(len(got), len(want)) {
		switch {
		case i >= len(got):
			t.Errorf("%s: missing %s", what, want[i])
		case i >= len(want):
			t.Errorf("%s: too much: %s", what, got[i])
		case got[i] != want[i]:
			t.Errorf("%s %d\n got %s\nwant %s", what, i, got[i], want[i])
		}
	}
}

func reasonsOf(r Result) (all []string) {
	for _, f := range r.Failures {
		all = append(all, f.Reason)
	}
	return all
}

func TestParse(t *testing.T) {
	const bom = "\ufeff"
	for _, c := range []struct {
		name, parse, message string
		want                 []string
		failed               []string // what the reasons begin with
	}{
		{name: "a line is a text", parse: "lines", message: "a b\r\n\r\n\n  c\td \nlast", want: []string{`"a b"`, `"  c\td "`, `"last"`}},
		{name: "a line is not parsed", parse: "lines", message: "{\"a\":1}\n", want: []string{`"{\"a\":1}"`}},
		{name: "a line that is no text costs only itself", parse: "lines", message: "a\n\xff\nb", want: []string{`"a"`, `"b"`}, failed: []string{"parse: is neither JSON nor UTF-8"}},
		{name: "lone CR ends no line", parse: "lines", message: "a\rb\r\r\n", want: []string{`"a\rb\r"`}},
		{
			name: "NASA FIRMS", parse: "csv",
			message: "latitude,longitude,bright_ti4,scan,track,acq_date,acq_time,satellite,instrument,confidence,version,bright_ti5,frp,daynight\n" +
				"-21.48932,121.11795,331.06,0.39,0.36,2026-11-22,0017,N,VIIRS,n,2.0NRT,298.35,1.49,D\n",
			want: []string{`{"latitude":"-21.48932","longitude":"121.11795","bright_ti4":"331.06","scan":"0.39","track":"0.36","acq_date":"2026-11-22","acq_time":"0017","satellite":"N","instrument":"VIIRS","confidence":"n","version":"2.0NRT","bright_ti5":"298.35","frp":"1.49","daynight":"D"}`},
		},
		{name: "NOAA quotes everything", parse: "csv", message: "\"STATION\",\"DATE\",\"PRCP\"\r\n\"USW00094728\",\"2026-01-01\",\" 0.10\"\r\n", want: []string{`{"STATION":"USW00094728","DATE":"2026-01-01","PRCP":" 0.10"}`}},
		{name: "names lose the space around them", parse: "csv", message: " a, b\n1, 2\n", want: []string{`{"a":"1","b":" 2"}`}},
		{name: "quotes", parse: "csv", message: "a,b\n\"x,\"\"y\"\"\r\nz\",\"\"\n5\" pipe,\"\"\"\"", want: []string{`{"a":"x,\"y\"\r\nz","b":""}`, `{"a":"5\" pipe","b":"\""}`}},
		{name: "semicolons", parse: "csv", message: "Zeit;Wert\n1;2,5\n", want: []string{`{"Zeit":"1","Wert":"2,5"}`}},
		{name: "tabs", parse: "csv", message: "a\tb, c\td\n1\t2\t\n", want: []string{`{"a":"1","b, c":"2","d":""}`}},
		{name: "bars", parse: "csv", message: "a|b\n1|2\n", want: []string{`{"a":"1","b":"2"}`}},
		{name: "a quoted delimiter counts for nothing", parse: "csv", message: "\"a;b;c\",d\n1,2\n", want: []string{`{"a;b;c":"1","d":"2"}`}},
		{name: "one column", parse: "csv", message: "a\n1\n\n2", want: []string{`{"a":"1"}`, `{"a":"2"}`}},
		{name: "no row", parse: "csv", message: "a,b\n"},
		{name: "empty", parse: "csv", message: ""},
		{name: "a byte order mark", parse: "csv", message: bom + "a,b\n1,2", want: []string{`{"a":"1","b":"2"}`}},
		{name: "empty lines before the header", parse: "csv", message: "\r\n\na,b\n1,2", want: []string{`{"a":"1","b":"2"}`}},
		{name: "names are told apart", parse: "csv", message: "a,,a,a_2,a\n1,2,3,4,5", want: []string{`{"a":"1","column_2":"2","a_2":"3","a_2_2":"4","a_3":"5"}`}},
		{
			name: "a ragged row costs only itself", parse: "csv", message: "a,b\n1\n2,3\n4,5,6\n\n7,8\n",
			want: []string{`{"a":"2","b":"3"}`, `{"a":"7","b":"8"}`}, failed: []string{"parse: row 2 has 1 fields, the header has 2", "parse: row 4 has 3 fields, the header has 2"},
		},
		{
			name: "a wrong quote costs only its line", parse: "csv", message: "a,b\n\"x\"y,1\n2,3\n\"open,4\n5,6",
			want: []string{`{"a":"2","b":"3"}`, `{"a":"5","b":"6"}`}, failed: []string{"parse: row 2 has something between", "parse: row 4 has a quoted field that is not closed"},
		},
		{name: "a row that is no text costs only itself", parse: "csv", message: "a\n\xff\nb", want: []string{`{"a":"b"}`}, failed: []string{"parse: row 2 is no UTF-8 text"}},
		{name: "a header that is no text", parse: "csv", message: "a,\xff\n1,2", failed: []string{"parse: row 1, the header, is no UTF-8 text"}},
		{
			name: "XML", parse: "xml", message: `<?xml version="1.0"?><!DOCTYPE r><!-- no --><r a="1" x:b="&lt;2"><e/><e>  t &amp; <![CDATA[<u>]]> </e><m n="1">text</m><x:o><p>1</p></x:o><e f="g"/><mixed>one <b>two</b> three</mixed></r>`,
			want: []string{`{"r":{"@a":"1","@x:b":"<2","e":[null,"t & <u>",{"@f":"g"}],"m":{"@n":"1","#text":"text"},"x:o":{"p":"1"},"mixed":{"#text":"one  three","b":"two"}}}`},
		},
		{name: "XML of one text", parse: "xml", message: "<r>\n x \n</r>\n", want: []string{`{"r":"x"}`}},
		{name: "XML of nothing", parse: "xml", message: "<r></r>", want: []string{`{"r":null}`}},
		{
			name: "RSS of one item", parse: "xml", message: `<rss version="2.0" xmlns:media="http://m/"><channel><title>T</title><item><guid isPermaLink="false">7</guid><media:content url="u"/></item></channel></rss>`,
			want: []string{`{"rss":{"@version":"2.0","@xmlns:media":"http://m/","channel":{"title":"T","item":[{"guid":{"@isPermaLink":"false","#text":"7"},"media:content":{"@url":"u"}}]}}}`},
		},
		{name: "RSS of no item", parse: "xml", message: `<rss><channel><title>T</title></channel></rss>`, want: []string{`{"rss":{"channel":{"title":"T","item":[]}}}`}},
		{name: "RSS 1.0", parse: "xml", message: `<rdf:RDF><channel/><item><link>u</link></item></rdf:RDF>`, want: []string{`{"rdf:RDF":{"channel":null,"item":[{"link":"u"}]}}`}},
		{
			name: "Atom", parse: "xml", message: `<feed xmlns="http://www.w3.org/2005/Atom"><entry><id>1</id><link href="h" rel="self"/><link href="i"/><title type="html">a &amp;amp; b</title></entry></feed>`,
			want: []string{`{"feed":{"@xmlns":"http://www.w3.org/2005/Atom","entry":[{"id":"1","link":[{"@href":"h","@rel":"self"},{"@href":"i"}],"title":{"@type":"html","#text":"a &amp; b"}}]}}`},
		},
		{name: "Atom of no entry", parse: "xml", message: `<feed/>`, want: []string{`{"feed":{"entry":[]}}`}},
		{name: "other items are as they come", parse: "xml", message: `<order><item>1</item></order>`, want: []string{`{"order":{"item":"1"}}`}},
		{name: "entities of HTML, and a lone &", parse: "xml", message: `<r>a&nbsp;b & c<l h="?a=1&b=2"/></r>`, want: []string{"{\"r\":{\"#text\":\"a\u00a0b & c\",\"l\":{\"@h\":\"?a=1&b=2\"}}}"}},
		{name: "own entities are not", parse: "xml", message: `<!DOCTYPE r [<!ENTITY a "aaaa"><!ENTITY f SYSTEM "file:///etc/passwd">]><r>&a;&f;</r>`, want: []string{`{"r":"&a;&f;"}`}},
		{name: "XML in Latin 1", parse: "xml", message: "<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?><r a=\"\xe9\">\xfc</r>", want: []string{`{"r":{"@a":"é","#text":"ü"}}`}},
		{name: "XML that is UTF-8 whatever it says", parse: "xml", message: "<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?><r>ü</r>", want: []string{`{"r":"ü"}`}},
		{name: "XML in an unknown encoding", parse: "xml", message: "<?xml version=\"1.0\" encoding=\"klingon\"?><r>\xfc</r>", failed: []string{`parse: is not XML: line 1, column 41: `}},
		{name: "an element that is not closed", parse: "xml", message: "<r>\n<a></r>", failed: []string{"parse: is not XML: line 2, column 8: </r> stands where <a> is open"}},
		{name: "cut XML", parse: "xml", message: "<r><a>x", failed: []string{"parse: is not XML: "}},
		{name: "an end of nothing", parse: "xml", message: "</r>", failed: []string{"parse: is not XML: line 1, column 5: </r> ends nothing"}},
		{name: "two roots", parse: "xml", message: "<a/><b/>", failed: []string{"parse: is not XML: line 1, column 9: <b> is a second root element"}},
		{name: "no root", parse: "xml", message: "<!-- nothing -->", failed: []string{"parse: is not XML: has no element"}},
		{name: "text is no XML", parse: "xml", message: "Service unavailable", failed: []string{"parse: is not XML: line 1, column 20: text stands outside"}},
		{name: "deep XML", parse: "xml", message: strings.Repeat("<a>", 127) + strings.Repeat("</a>", 127), want: []string{strings.Repeat(`{"a":`, 127) + "null" + strings.Repeat("}", 127)}},
		{name: "too deep XML", parse: "xml", message: strings.Repeat("<a>", 129), failed: []string{"parse: is not XML: line 1, column 388: elements nest deeper than 128"}},
		{name: "XML too deep as JSON", parse: "xml", message: strings.Repeat("<a><b/><a>", 60) + strings.Repeat("</a></a>", 60) + "", want: []string{strings.Repeat(`{"a":{"b":null,"a":`, 60) + "null" + strings.Repeat("}}", 60)}},
		{name: "lists count as depth", parse: "xml", message: strings.Repeat("<a><a/>", 70) + strings.Repeat("</a>", 70), failed: []string{"parse: is not XML: nests deeper than 128 as JSON"}},
		{name: "too many parts", parse: "xml", message: "<r>" + strings.Repeat(`<a b=""/>`, maxXMLParts/2) + "</r>", failed: []string{"parse: is not XML: line 1, column "}},
		{name: "text with a byte order mark", parse: "text", message: bom + "a", want: []string{`"a"`}},
		{name: "JSON with a byte order mark", parse: "auto", message: bom + `{"a":1}`, want: []string{`{"a":1}`}},
	} {
		t.Run(c.name, func(t *testing.T) {
			p, _ := pipeline(t, "parse: "+c.parse)
			got := feed(p, c.message)
			same(t, "record", payloads(got), c.want)
			if len(got.Failures) != len(c.failed) || got.Dropped.Failed != uint64(len(c.failed)) {
				t.Fatalf("failed %q, want %q", reasonsOf(got), c.failed)
			}
			for i, want := range c.failed {
				if !strings.HasPrefix(got.Failures[i].Reason, want) {
					t.Errorf("reason %q, want %q", got.Failures[i].Reason, want)
				}
			}
		})
	}
}

// A row fails with itself as the frame, not with the whole message.
func TestFailuresShowTheirRow(t *testing.T) {
	p, _ := pipeline(t, "parse: csv\nkey: .k\ntransform: {map: 'if .v == \"bad\" then error(\"no\") else . end'}")
	got := feed(p, "k,v\n1,2\n3,bad\r\n4\n")
	same(t, "record", payloads(got), []string{`{"k":"1","v":"2"}`})
	if len(got.Failures) != 2 || string(got.Failures[0].Frame) != "3,bad" || string(got.Failures[1].Frame) != "4" {
		t.Fatalf("%d failures: %q", len(got.Failures), reasonsOf(got))
	}
}

func TestBinaryIsBytesUntilItIsRewritten(t *testing.T) {
	message := []byte{0xff, 0, '{', 0x80}
	p, _ := pipeline(t, "parse: binary\ntransform: {where: '. == \"/wB7gA==\"'}\nkey: '.[:2]'")
	got := p.Feed(context.Background(), message, Meta{Received: start})
	if len(got.Drafts) != 1 || string(got.Drafts[0].Payload) != string(message) || got.Drafts[0].ContentType != "application/octet-stream" || got.Drafts[0].Key != "/w" {
		t.Fatalf("got %+v", got)
	}
	p, _ = pipeline(t, "parse: binary\ntransform: {map: '{raw: ., size: (@base64d | length)}'}")
	if got := p.Feed(context.Background(), []byte("abc"), Meta{Received: start}); len(got.Drafts) != 1 || string(got.Drafts[0].Payload) != `{"raw":"YWJj","size":3}` || !got.Drafts[0].JSON() {
		t.Fatalf("got %+v", got)
	}
	p, _ = pipeline(t, "parse: binary\ndedupe: {by: payload}")
	for i, kept := range []int{1, 0} {
		if got := p.Feed(context.Background(), message, Meta{Received: start}); len(got.Drafts) != kept {
			t.Errorf("time %d: %d records", i, len(got.Drafts))
		}
	}
	if got := p.Feed(context.Background(), make([]byte, messages.MaxPayload+1), Meta{Received: start}); got.Dropped.Failed != 1 {
		t.Errorf("above 1 MiB: %+v", got.Dropped)
	}
}

func TestOtherEncodings(t *testing.T) {
	utf16le := []byte{0xff, 0xfe}
	for _, unit := range utf16.Encode([]rune("näme,b\n1,€\n")) {
		utf16le = binary.LittleEndian.AppendUint16(utf16le, unit)
	}
	for _, c := range []struct{ name, contentType, message, want string }{
		{"by the content type", "text/csv; charset=windows-1252", "n\xe4me,b\n1,\x80\n", `{"näme":"1","b":"€"}`},
		{"UTF-8 whatever the content type says", "text/csv; charset=ISO-8859-1", "näme,b\n1,€\n", `{"näme":"1","b":"€"}`},
		{"UTF-16 with its mark", "", string(utf16le), `{"näme":"1","b":"€"}`},
	} {
		p, _ := pipeline(t, "parse: csv")
		got := p.Feed(context.Background(), []byte(c.message), Meta{Received: start, Headers: map[string]string{"content-type": c.contentType}})
		if fmt.Sprint(payloads(got)) != "["+c.want+"]" {
			t.Errorf("%s: %q %q", c.name, payloads(got), reasonsOf(got))
		}
	}
}

// What a message makes does not have to be in memory at once.
func TestMuchIsHandedOverInPieces(t *testing.T) {
	p, _ := pipeline(t, "parse: lines\non: [{when: '. == \"0\"', send: hello}]")
	var text strings.Builder
	const lines = 10_000
	for i := range lines {
		fmt.Fprintln(&text, i)
	}
	seen, pieces := 0, 0
	count := func(r *Result) {
		for _, d := range r.Drafts {
			if want := fmt.Sprintf(`"%d"`, seen); string(d.Payload) != want {
				t.Fatalf("record %d is %s", seen, d.Payload)
			}
			seen++
		}
	}
	last, err := p.FeedTo(context.Background(), []byte(text.String()), Meta{Received: start}, func(r *Result) error {
		if pieces++; len(r.Drafts) > pieceDrafts || !r.Decoded || !r.Data {
			t.Fatalf("piece of %d, %v, %v", len(r.Drafts), r.Decoded, r.Data)
		}
		count(r)
		return nil
	})
	count(&last)
	if err != nil || seen != lines || pieces != lines/pieceDrafts || len(last.Actions) != 1 {
		t.Fatalf("%d records in %d pieces, %d actions, %v", seen, pieces, len(last.Actions), err)
	}
	failing := fmt.Errorf("full")
	if _, err := p.FeedTo(context.Background(), []byte(text.String()), Meta{Received: start}, func(*Result) error { return failing }); err != failing { //nolint:errorlint // the very same
		t.Fatalf("gives %v", err)
	}
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		"a,b\n\"1\",2\n", "a\r\n\"", "<r a='1'>x<b/><b>&amp;</b></r>", "\xff\xfea\x00", "<?xml version='1.0' encoding='gbk'?><a>\xd6\xd0</a>", "l1\r\nl2", "a\n\"\"\"\n\"\"",
	} {
		f.Add(seed)
	}
	all := make(map[string]*Pipeline)
	for _, how := range []string{"lines", "csv", "xml", "binary", "auto", "ndjson", "text"} {
		all[how], _ = pipeline(f, "parse: "+how)
	}
	f.Fuzz(func(t *testing.T, message string) {
		for how, p := range all {
			got := feed(p, message)
			for _, d := range got.Drafts {
				if err := d.Check(); err != nil {
					t.Fatal(err)
				}
				if !d.JSON() {
					continue
				}
				raw, err := compacted(d.Payload)
				if err != nil || raw != string(d.Payload) {
					t.Fatalf("%s: %q is no compact JSON: %v", how, d.Payload, err)
				}
			}
		}
	})
}

// Parsing is linear whatever stands in the message.
func TestParsingIsLinear(t *testing.T) {
	const size = 1 << 20
	for _, c := range []struct{ parse, unit string }{
		{"csv", "\"\n"},
		{"csv", "\"\"\"\n"},
		{"csv", "\"x\n"},
		{"csv", "a,\"\"\"\n"},
		{"csv", ","},
		{"csv", "\n"},
		{"xml", "<a>"},
		{"xml", "<a/>"},
		{"xml", "&"},
		{"xml", "<![CDATA["},
		{"xml", "<!"},
		{"lines", "\n"},
		{"lines", "a\n"},
		{"ndjson", "[\n"},
	} {
		p, _ := pipeline(t, "parse: "+c.parse)
		begun := time.Now()
		feed(p, strings.Repeat(c.unit, size/len(c.unit)))
		took := time.Since(begun)
		t.Logf("%s of %q: %s", c.parse, c.unit, took)
		if took > 20*time.Second {
			t.Errorf("%s of %q took %s", c.parse, c.unit, took)
		}
	}
}

func TestColumnsOfOneNameTakeNoSquare(t *testing.T) {
	header := strings.Split(strings.Repeat("a,", maxColumns-1)+"a", ",")
	var names []string
	work := testing.AllocsPerRun(1, func() { names, _ = columnNames(header) })
	if last := names[maxColumns-1]; last != "a_10000" || work > 10*maxColumns {
		t.Errorf("the last is %s, after %v allocations", last, work)
	}
	again, err := columnNames([]string{"a", "a_2", "a", "a", "a_3", "a"})
	if got := strings.Join(again, " "); err != nil || got != "a a_2 a_3 a_4 a_3_2 a_5" {
		t.Errorf("names %s, %v", got, err)
	}
}
