package clustersecret_test

import (
	"strings"
	"testing"

	"anode/actors/gossip/link"
	"anode/cmd/anode/clustersecret"
)

const (
	one = "first-secret-of-many-bytes"
	two = "second-secret-of-many-bytes"
)

func TestParse(t *testing.T) {
	for name, c := range map[string]struct {
		text string
		want string // the secrets with commas between, or the error after "!"
	}{
		"one":                    {one, one},
		"with a line's end":      {one + "\n", one},
		"of Windows":             {"\ufeff" + one + "\r\n" + two + "\r\n", one + "," + two},
		"comments":               {"# new\n  " + one + "  \n\n\t# old\n" + two, one + "," + two},
		"a number sign inside":   {one + "#1", one + "#1"},
		"the same twice":         {one + "\n" + one, one},
		"the shortest":           {strings.Repeat("x", link.MinSecret), strings.Repeat("x", link.MinSecret)},
		"too short":              {one + "\n" + strings.Repeat("x", link.MinSecret-1), "!line 2: a secret of 15 bytes, at least 16 are needed (make one with: openssl rand -base64 32)"},
		"two that are too short": {"short\n#\nshorter", "!line 1: a secret of 5 bytes, at least 16 are needed (make one with: openssl rand -base64 32)\nline 3"},
		"nothing":                {"", "!it has no secret (make one with: openssl"},
		"comments only":          {"# " + one + "\n", "!it has no secret"},
		"bytes":                  {one + "\x00\x01", "!it is not text"},
		"no UTF-8":               {one + "\xff", "!it is not text"},
		"too many":               {lines(link.MaxSecrets + 1), "!9 secrets, at most 8 are accepted"},
		"as many as there may":   {lines(link.MaxSecrets), strings.ReplaceAll(strings.TrimSpace(lines(link.MaxSecrets)), "\n", ",")},
		"too long":               {strings.Repeat(one+"\n", 64<<10/len(one)), "!more than 64 KiB"},
	} {
		t.Run(name, func(t *testing.T) {
			secrets, err := clustersecret.Parse([]byte(c.text))
			var got []string
			for _, s := range secrets {
				got = append(got, string(s))
			}
			switch want, fault := strings.CutPrefix(c.want, "!"); {
			case fault && (err == nil || !strings.HasPrefix(err.Error(), want)):
				t.Errorf("the error is %v", err)
			case fault:
				for _, line := range strings.Fields(c.text) {
					if len(line) > 1 && strings.Contains(err.Error(), line) {
						t.Errorf("the error has a secret: %v", err)
					}
				}
			case err != nil || strings.Join(got, ",") != c.want:
				t.Errorf("got %q, %v", got, err)
			}
		})
	}
}

func lines(n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteString(one + string(rune('a'+i)) + "\n")
	}
	return b.String()
}
