package expr

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
)

func ExampleEngine_Template() {
	e := NewEngine(EngineConfig{})
	t, err := e.Template(map[string]any{
		"op": "subscribe", "channels": []any{"trades:${.item}", "${.extra}"}, "token": "${secret:feed}", "since": "${.since}",
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	vars := map[string]any{"item": "BTC-USD", "since": nil}
	secret := func(name string) (string, error) { return "the secret " + name, nil }
	v, _, err := t.Eval(context.Background(), vars, Env{}, secret)
	text, _ := Append(nil, v)
	fmt.Println(string(text), err)
	// Output:
	// {"channels":["trades:BTC-USD"],"op":"subscribe","token":"the secret feed"} <nil>
}

func TestTemplates(t *testing.T) {
	e := newEngine()
	secret := func(name string) (string, error) {
		if name == "none" {
			return "", errors.New("no such secret")
		}
		if name == KeySecret {
			return "the key", nil
		}
		return "<" + name + ">", nil
	}
	vars := decode(t, `{"item":"a b","n":1.10,"list":[1,null],"o":{"x":"y"},"null":null,"t":true}`)
	for template, want := range map[string]string{ // as JSON; "-" is absent, "!" begins an error
		`"plain"`:                               `"plain"`,
		`5`:                                     `5`,
		`null`:                                  `-`,
		`true`:                                  `true`,
		`[null,{"a":null}]`:                     `[null,{"a":null}]`,
		`["${.n}",null]`:                        `[1.10,null]`,
		`"${.n}"`:                               `1.10`,
		`"${.t}"`:                               `true`,
		`"${.o}"`:                               `{"x":"y"}`,
		`"${.null}"`:                            `-`,
		`"${empty}"`:                            `-`,
		`"${.list[]}"`:                          `!gives 2 values`,
		`"x=${.n}&y=${.item}"`:                  `"x=1.10&y=a b"`,
		`"x=${.null}"`:                          `"x="`,
		`"x=${.list} ${.o}"`:                    `"x=[1,null] {\"x\":\"y\"}"`,
		`"${.n}${.n}"`:                          `"1.101.10"`,
		`{"a":"${.null}","b":"${.n}"}`:          `{"b":1.10}`,
		`["${.null}","${.n}",["${.null}"]]`:     `[1.10,[]]`,
		`"${secret:k}"`:                         `"<k>"`,
		`"Bearer ${secret:k}!"`:                 `"Bearer <k>!"`,
		`"${secret:none}"`:                      `!${secret:none}: no such secret`,
		`"${{a: \"}\"}}"`:                       `{"a":"}"}`,
		`"${\"${\"}x"`:                          `"${x"`,
		`"${$meta.status}"`:                     `200`,
		`"${$state.k}"`:                         `"v"`,
		`"${now}"`:                              `1763805600123`,
		`"${.item | @uri}"`:                     `"a%20b"`,
		`"${.item.x}"`:                          `!expected an object but got: string`,
		`"${\"x\" * 2000000}"`:                  `!larger than allowed`,
		`"a${\"x\" * 600000}${\"x\" * 600000}"`: `!larger than allowed`,
		`{"a":["x","${foo}"]}`:                  `!/a/1: the function foo is not known`,
		`{"a/b":"${foo}"}`:                      `!/a~1b: the function foo`,
		`"${hash(\"md5\"; ${secret:k})}"`:       `"4c06d5136c1fbf711b01d03cdf9aa848"`,
		`"${\"a${secret:k}b\" + $secret}"`:      `"a<k>bthe key"`,
		`"${{$secret}}"`:                        `{"secret":"the key"}`,
		`"${1 as $secret | $secret}"`:           `1`,
		`"${${secret:none}}"`:                   `!${secret:none}: no such secret`,
		`"${${secret:k} | tonumber}"`:           `!can't be computed; why is not shown`,
		`"${$secret | tonumber}"`:               `!can't be computed; why is not shown`,
		`"${$__secrets[\"k\"]}"`:                `-`,
		`"${$secrets}"`:                         `!there are $meta, $secret, $state`,
		`"${"`:                                  `!has no closing`,
		`"${}"`:                                 `!has no expression`,
		`"${secret:.x}"`:                        `!is no name of a secret`,
		nested(200):                             `!nests deeper`,
	} {
		v := template
		got := func() string {
			value := any(nil)
			if !strings.HasPrefix(v, "[[[") {
				value = decode(t, v)
			} else {
				for range 200 {
					value = []any{value}
				}
			}
			compiled, err := e.Template(value)
			if err != nil {
				return "!" + err.Error()
			}
			filled, present, err := compiled.Eval(context.Background(), vars, Env{Meta: decode(t, `{"status":200}`), State: decode(t, `{"k":"v"}`)}, secret)
			if err != nil {
				return "!" + err.Error()
			}
			if !present {
				return "-"
			}
			text, err := Append(nil, filled)
			if err != nil {
				t.Fatal(err)
			}
			return string(text)
		}()
		if got != want && !(want[0] == '!' && got[0] == '!' && strings.Contains(got, want[1:])) {
			t.Errorf("%s gives %s, want %s", template, got, want)
		}
	}
}

func TestSecretsNeedAPlace(t *testing.T) {
	e := newEngine()
	for _, text := range []string{"${secret:k}", "x${secret:k}"} {
		tpl, err := e.Template(text)
		if err != nil {
			t.Fatal(err)
		}
		if v, present, err := tpl.Eval(context.Background(), nil, Env{}, nil); err == nil || present || v != nil || !strings.Contains(err.Error(), "${secret:k}: a secret has no place here") {
			t.Errorf("%s gives %v, %v", text, v, err)
		}
	}
}

func TestOnlyTemplatesHaveSecrets(t *testing.T) {
	e := newEngine()
	for _, text := range []string{"$secret", "$__secrets", "${secret:k}"} {
		if _, err := e.Compile(text); err == nil {
			t.Errorf("%s is a program", text)
		}
		if _, err := e.Template("${" + text + "}"); err != nil {
			t.Errorf("%s: %v", text, err)
		}
	}
	for text, want := range map[string]bool{"${$secret}": true, "a${[.x, $secret]}": true, "${1 as $secret | $secret}": false, "${secret:k}${.a}": false} {
		tpl, err := e.Template(map[string]any{"a": []any{text}})
		if err != nil || tpl.UsesKey() != want {
			t.Errorf("%s: %v %v", text, tpl.UsesKey(), err)
		}
	}
}

func TestLiteralTemplatesCostNothing(t *testing.T) {
	value := map[string]any{"a": []any{"b", 5}}
	tpl, err := newEngine().Template(value)
	if err != nil {
		t.Fatal(err)
	}
	ctx := context.Background()
	v, _, _ := tpl.Eval(ctx, nil, Env{}, nil)
	if !tpl.Literal() || reflect.ValueOf(v).UnsafePointer() != reflect.ValueOf(value).UnsafePointer() {
		t.Error("it is not the value itself")
	}
	if n := testing.AllocsPerRun(10, func() { tpl.Eval(ctx, nil, Env{}, nil) }); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

func FuzzTemplate(f *testing.F) {
	for _, text := range []string{"${.a}", "x${.a | tostring}y", "${secret:k}", `${{a: "}"}}`, `${"${"}`, "${", "$${.}", `${"\("}")"}`} {
		f.Add(text, `{"a":[1,"x",null]}`)
	}
	e := newEngine()
	f.Fuzz(func(t *testing.T, text, vars string) {
		tpl, err := e.Template([]any{text, map[string]any{"m": text}})
		if err != nil {
			return
		}
		v, err := Decode([]byte(vars))
		if err != nil {
			return
		}
		out, present, err := tpl.Eval(context.Background(), v, Env{}, func(name string) (string, error) { return name, nil })
		if err == nil && !present {
			t.Error("a list is absent")
		}
		if _, bad := Append(nil, out); err == nil && bad != nil && !errors.Is(bad, errSize) {
			t.Error(bad)
		}
	})
}

func BenchmarkTemplate(b *testing.B) {
	tpl, err := newEngine().Template(map[string]any{"op": "subscribe", "args": []any{"trades:${.item}"}, "id": "${now}"})
	if err != nil {
		b.Fatal(err)
	}
	vars := decode(b, `{"item":"BTC-USD"}`)
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := tpl.Eval(context.Background(), vars, Env{}, nil); err != nil {
			b.Fatal(err)
		}
	}
}
