package expr

import (
	"context"
	"fmt"
	"os"
	"runtime/metrics"
	"strings"
	"testing"
	"time"
)

// hostile are programs that must end with an error, or at the worst with little, whatever the
// library alone would do with them. The value is what they see.
var hostile = map[string]string{
	// What was measured with the library alone: 3.6 s, 980 MB, 2 GB.
	`[match("a*?b|a"; "g")] | length`:                `"` + strings.Repeat("a", 64<<10) + `"`,
	`"x" * 1e9`:                                      `null`,
	`.a[67108862] = 1`:                               `{"a":[]}`,
	`.a[67108862:67108863] = [1]`:                    `{"a":[]}`,
	`[match("a"; "g")] | length`:                     `"` + strings.Repeat("a", 1<<20-8) + `"`,
	`gsub("a"; "bb")`:                                `"` + strings.Repeat("a", 1<<20-8) + `"`,
	`[limit(1e9; range(1e9))]`:                       `null`,
	`until(. > 1e12; . + 1)`:                         `0`,
	`[recurse(.[]?; true)] | [recurse] | length`:     bigArray(),
	`last(recurse(. + 1; true))`:                     `0`,
	`$__loc__ | last(repeat(.))`:                     `null`,
	`$ENV.PATH`:                                      `null`,
	`env.PATH`:                                       `null`,
	`input`:                                          `null`,
	`reduce range(3000) as $i (1; [.]) | @json`:      `null`,
	`reduce range(3000) as $i (1; [.]) | tojson`:     `null`,
	`[limit(200; repeat("[" * 500000 | fromjson?))]`: `null`,
	`("[" * 60 + "]" * 60) as $j | [limit(1e9; repeat($j | fromjson))] | length`:        `null`,
	`("[" + "1," * 400000 + "1]") | [fromjson, fromjson, fromjson, fromjson, fromjson]`: `null`,
	`[limit(1e9; repeat("{\"a\":1}")) | fromjson] | length`:                             `null`,
	`reduce range(100000) as $i (null; setpath([$i, "a", $i]; $i))`:                     `null`,
	`reduce range(1e6) as $i (null; setpath(["a", 65000]; $i))`:                         `null`,
	`[paths] | [.[] as $p | [paths]] | length`:                                          bigArray(),
	`[limit(1e9; repeat(getpath(["a", "b", "c"])))]`:                                    `null`,
	`[tostream] | [limit(1e9; repeat(fromstream(.[])))] | length`:                       bigArray(),
	`reduce tostream as $s ([]; . + [$s] + [$s])`:                                       bigArray(),
	`[.[] | tojson] | add | . * 100`:                                                    bigArray(),
	`delpaths([range(65000) | [.]]) | delpaths([paths]) | last(range(1e9))`:             bigArray(),
	`to_entries | map(to_entries) | map(map(to_entries))`:                               bigArray(),
	`ascii(range(1e9))`:                                                                                      `null`,
	`[splits("a", "b", "c")] | map(splits("b"))`:                                                             `"` + strings.Repeat("ab", 1<<18) + `"`,
	`[range(1e9)] as $x | [range(1e9)] as $y | 1`:                                                            `null`,
	`@base64 | @base64 | @base64 | @base64 | @base64 | @base64`:                                              `"` + strings.Repeat("a", 1<<20-8) + `"`,
	`ltrimstr("a") | [limit(1e6; repeat(ltrimstr("a")))] | length`:                                           `"` + strings.Repeat("a", 1<<19) + `"`,
	`[range(1e5)] | group_by(. % 2) | map(sort_by(-.)) | map(unique_by(. % 9)) | flatten | last(range(1e9))`: `null`,
	`test("[a-z]{1000}" * 5 + "z")`:                                                                          `"a"`,
	`.[536870911] = 1`:                                                                                       `null`,
	`.[300000000 + 0] = 1`:                                                                                   `null`,
	`.n as $n | .a[$n] = 1`:                                                                                  `{"n":300000000}`,
	`[match(""; "g")] | length`:                                                                              `"` + strings.Repeat("ä", 512<<10) + `"`,
	`gsub("(?<x>a)"; "\(.x)" * 100)`:                                                                         `"` + strings.Repeat("a", 200<<10) + `"`,
	`[splits("a")] | map([splits("a")]) | length`:                                                            `"` + strings.Repeat("a", 1<<20) + `"`,
	`sub("(?<a>.)"; "b" * 1000000; "g")`:                                                                     `"` + strings.Repeat("a", 1000) + `"`,
	`[scan("(a)(a)(a)(a)(a)(a)?")]|map(tojson)|add|[scan(".*?b|.")]|length`:                                  `"` + strings.Repeat("a", 60000) + `"`,
	`test("(a{1,1000}){1,1000}")`:                                                                            `"aaa"`,
	`test("((a{0,30}){0,30})*b")`:                                                                            `"` + strings.Repeat("a", 100000) + `"`,
	`reduce range(1e9) as $i (0; . + $i)`:                                                                    `null`,
	`[range(1e9)]`:                                                                                           `null`,
	`[repeat(1)]`:                                                                                            `null`,
	`last(repeat(1))`:                                                                                        `null`,
	`[range(infinite)] | length`:                                                                             `null`,
	`def f: f; f`:                                                                                            `null`,
	`def f: 1 + f; f`:                                                                                        `null`,
	`def f: [f]; f`:                                                                                          `null`,
	`def f: f, f; f`:                                                                                         `null`,
	`def f(g): f(g | g); f(.)`:                                                                               `null`,
	`def f: def g: f, 1; g, g; [f]`:                                                                          `null`,
	`[recurse([., .])]`:                                                                                      `null`,
	`[recurse(if . < 1e9 then . + 1 else empty end)]`:                                                        `0`,
	`until(false; .)`:                                                                                        `null`,
	`[while(true; [.])]`:                                                                                     `null`,
	`[limit(1e9; repeat("a"))] | add`:                                                                        `null`,
	`reduce range(60) as $i ("x"; . + .)`:                                                                    `null`,
	`reduce range(60) as $i ([1]; . + .)`:                                                                    `null`,
	`reduce range(60) as $i ([1]; [., .]) | tojson`:                                                          `null`,
	`reduce range(60) as $i ([1]; [., .])`:                                                                   `null`,
	`reduce range(60) as $i ([1]; [., .]) | flatten`:                                                         `null`,
	`reduce range(60) as $i ([1]; [., .]) | . == (reduce range(60) as $i ([1]; [., .]))`:                     `null`,
	`reduce range(60) as $i ([1]; [., .]) | [.., 1] | length`:                                                `null`,
	`reduce range(60) as $i ([1]; [., .]) | [tostream]`:                                                      `null`,
	`reduce range(60) as $i ([1]; [., .]) | unique`:                                                          `null`,
	`reduce range(60) as $i ([1]; [., .]) | [.[], .] | sort | length`:                                        `null`,
	`reduce range(60) as $i ([1]; [., .]) | error`:                                                           `null`,
	`reduce range(60) as $i ([1]; [., .]) | walk(.)`:                                                         `null`,
	`reduce range(60) as $i ([1]; [., .]) | .. |= .`:                                                         `null`,
	`reduce range(60) as $i ([1]; [., .]) | "\(.)"`:                                                          `null`,
	`reduce range(60) as $i ({}; {a: ., b: .}) | . * . * .`:                                                  `null`,
	`reduce range(60) as $i ({}; {a: ., b: .}) | @base64`:                                                    `null`,
	`reduce range(60) as $i ([1]; [., .]) | .[0] - [1] | .[0] | index([5])`:                                  `null`,
	`reduce range(100000) as $i (1; [.]) | tojson`:                                                           `null`,
	`reduce range(100000) as $i (1; [.])`:                                                                    `null`,
	`reduce range(100000) as $i (1; [.]) | . == .[0]`:                                                        `null`,
	`reduce range(100000) as $i (1; [.]) | flatten`:                                                          `null`,
	`reduce range(100000) as $i (1; {a: .}) | [paths]`:                                                       `null`,
	`[range(3000)] | [combinations(3)]?`:                                                                     `null`,
	`[[range(300)], [range(300)], [range(300)], [range(300)]] | [combinations] | length`:                     `null`,
	`[range(40000)] as $x | $x - ($x | map(. + 50000))`:                                                      `null`,
	`[range(1000)] as $x | [$x[] as $a | $x[] as $b | $x[] as $c | 1]`:                                       `null`,
	`[range(200000)] | map([.]) | transpose | map(transpose) | length`:                                       `null`,
	`[[range(100000)], (range(30000) | [])] | transpose | length`:                                            `null`,
	`[range(100000) | tostring] | join("x" * 1000)`:                                                          `null`,
	`[limit(10000; repeat("x" * 10000))] | add`:                                                              `null`,
	`[limit(10000; repeat("x" * 10000))] | map(explode) | length`:                                            `null`,
	`("a" * 1000000) as $x | [limit(100000; repeat($x | ascii_upcase))]`:                                     `null`,
	`("a" * 1000000) as $x | [limit(100000; repeat($x[1:]))] | length`:                                       `null`,
	`("a" * 1000000) as $x | [limit(100000; repeat($x[500000]))] | length`:                                   `null`,
	`("a" * 500000) as $x | ($x + $x) | indices($x)`:                                                         `null`,
	`("\"" * 1000000) | @html | @html | @html`:                                                               `null`,
	`("'" * 300000) | @sh | @sh | @sh | @sh`:                                                                 `null`,
	`[limit(30; repeat("a"))] | reduce range(9) as $i (tojson; tojson) | reduce range(20) as $i (.; tojson)`: `null`,
	`("[" * 500000) | fromjson`:                                                                              `null`,
	`("1" * 1000000) | tonumber`:                                                                             `null`,
	`("1" * 1000000) | fromjson`:                                                                             `null`,
	`"%1024Y" * 300 | . as $f | 0 | strftime($f)`:                                                            `null`,
	`reduce range(100000) as $i (7; . * .)| tostring | length | error`:                                       `null`,
	`yn(1e9; 1e9)`:                                                                         `null`,
	`getpath([range(100000)])`:                                                             `null`,
	`getpath([{"start": 0, "end": null}])`:                                                 `null`,
	`[range(100000)] as $p | setpath($p; 1)`:                                               `null`,
	`reduce range(100000) as $i ({}; .["k\($i)"] = [range(100)])`:                          `null`,
	`reduce range(100000) as $i (null; .[$i] = ("x" * 1000000))| tojson`:                   `null`,
	`[.[] |= (. as $x | [range(1000)])] | .[0] | .[] |= . | .[] |= (.[] |= [range(1000)])`: `[1,2,3,4,5,6,7,8,9]`,
	`[range(65537)] | .[]`:                                                                 `null`,
	`[range(100000)] | map({a: ., b: ., c: ., d: ., e: ., f: ., g: ., h: .}) | map(tojson) | map(fromjson) | map(keys)`: `null`,
	`path(repeat(.a))`:       `null`,
	`path(def f: .a | f; f)`: `null`,
	`[splits("a") | [splits("b")]] | walk(walk(walk(walk(.))))`: `"` + strings.Repeat("ab", 5000) + `"`,
	`inputs`:                      `null`,
	`halt`:                        `null`,
	`def f: try error catch f; f`: `null`,
	`label $l | repeat(label $m | ., break $m) | empty`:          `null`,
	`[repeat(try ("x" * 1e6 | explode) catch empty)]`:            `null`,
	`first(repeat(empty, empty | 1))`:                            `null`,
	`recurse(def r: ., (r | r); r) | empty`:                      `null`,
	`[foreach repeat(1) as $x ([]; . + [$x])]`:                   `null`,
	`. as [$a, {b: [$c]}] ?// [$c, $a] ?// $a | def f: f | f; f`: `[]`,
	"repeat(.o[0]?, (.o | floor)?)":                              bigObject(),
	frames():                                                     `null`,
	`.[]|.[]|.[]`:                                                "[" + strings.TrimSuffix(strings.Repeat("[[1,2],[3,4],[5]],", 30000), ",") + "]",
	`jwt(reduce range(60) as $i ({}; {a: ., b: .}); "k")`:        `null`,
	`[limit(1e6; repeat(hash("sha512"; "x" * 1000000)))]`:        `null`,
}

// bigArray is 50,000 small arrays.
func bigArray() string {
	return "[" + strings.TrimSuffix(strings.Repeat("[1],", 50_000), ",") + "]"
}

// bigObject is as big as an object may be.
func bigObject() string {
	var b strings.Builder
	b.WriteString(`{"o":{"a":1`)
	for i := range maxElements - 1 {
		fmt.Fprintf(&b, `,"%d":1`, i)
	}
	b.WriteString("}}")
	return b.String()
}

// frames is a function that calls itself with room for many variables.
func frames() string {
	return "[recurse(" + strings.Repeat("1 as $a | ", 450) + "., .)]"
}

// allocated is what was allocated since the start, in bytes.
func allocated() uint64 {
	sample := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}

func TestHostileProgramsEnd(t *testing.T) {
	e := newEngine()
	for text, input := range hostile {
		v := decode(t, input)
		// Far above the deadline of a run, far below what these take without it.
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		before, begun := allocated(), time.Now()
		err := e.Check(text)
		if err == nil {
			var p *Program
			if p, err = e.Compile(text); err == nil {
				_, err = p.Run(ctx, v, Env{})
			}
		}
		if ctx.Err() != nil {
			t.Errorf("%.80s ran into the test's time-out", text)
		}
		cancel()
		made := (allocated() - before) >> 20
		if err == nil {
			t.Errorf("%.80s gave results", text)
		}
		if made > 300 {
			t.Errorf("%.80s allocated %d MiB: %v", text, made, err)
		}
		if testing.Verbose() {
			t.Logf("%6.1f ms %4d MiB %.70s: %.100s", float64(time.Since(begun).Microseconds())/1000, made, text, err)
		}
	}
}

// Memory is bounded by what programs do, not only by the time that they have for it.
func TestHostileProgramsHaveNoMoreMemoryInMoreTime(t *testing.T) {
	if testing.Short() {
		t.Skip("takes ten seconds")
	}
	left := len(hostile) / 4 // each time others, in the order of a map; all with ANODE_LONG
	if os.Getenv("ANODE_LONG") != "" {
		left = len(hostile)
	}
	e := newEngine()
	for text, input := range hostile {
		if left--; left < 0 {
			break
		}
		p, err := e.Compile(text)
		if err != nil {
			continue
		}
		m, err := p.take()
		if err != nil {
			t.Fatal(err)
		}
		m.time = 5 * patience
		v, before := decode(t, input), allocated()
		_, err = m.run(context.Background(), v, p.values(Env{}, secrets{}))
		made := (allocated() - before) >> 20
		if err == nil || made > 300 {
			t.Errorf("%.80s allocated %d MiB: %v", text, made, err)
		}
		if testing.Verbose() {
			t.Logf("%4d MiB %.70s: %.100s", made, text, err)
		}
	}
}
