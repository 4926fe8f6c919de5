package main

import (
	"context"
	"fmt"
	"testing"

	"anode/client"
	"anode/messages/spec"
)

func TestFaultsStandBelowEachOther(t *testing.T) {
	const message = "is not jq: unexpected EOF\n  .a ==\n       ^"
	const lines = "\n  /key: is not jq: unexpected EOF\n      .a ==\n           ^\n  is too long"
	for _, c := range []struct {
		err  error
		want string
	}{
		{
			fmt.Errorf("a.yaml: %w", &client.Problem{Code: "invalid_spec", Detail: "2 faults", Errors: []client.Fault{{Path: "/key", Message: message}, {Message: "is too long"}}}),
			"a.yaml: invalid_spec: 2 faults" + lines,
		},
		{fmt.Errorf("a.yaml: %w", spec.Faults{{Path: "/key", Message: message}, {Message: "is too long"}}), "a.yaml: the document is faulty" + lines},
		{&client.Problem{Code: "invalid_spec", Errors: []client.Fault{{Path: "/a", Message: "\x1b[2J\n\x07"}}}, "invalid_spec\n  /a: " + harmless("\x1b[2J") + "\n    " + harmless("\x07")},
		{&client.Problem{Code: "not_found", Detail: "no\nsuch"}, "not_found: no; such"},
	} {
		if got := errorText(context.Background(), c.err, "anode"); got != c.want {
			t.Errorf("got %q\nwant %q", got, c.want)
		}
	}
}
