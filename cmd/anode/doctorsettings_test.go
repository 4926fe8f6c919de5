package main

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestDoctorLooksAtSettings(t *testing.T) {
	dir := t.TempDir()
	file := func(name, text string, mode os.FileMode) string {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		return path
	}
	const secret = "correct-horse-battery-staple\n"
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	nobody := free.Addr().String()
	if err := free.Close(); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		args  []string
		wrong string // all that is wrong; empty: nothing
		says  string
	}{
		"all is good":       {args: []string{"--cluster-secret-file", file("good", secret, 0o600), "--join", taken.Addr().String(), "--advertise-mesh", "localhost"}, says: "answers by TCP"},
		"no secret":         {says: "secret     none: only nodes on this machine can join"},
		"a secret to come":  {args: []string{"--cluster-secret-file", filepath.Join(dir, "new")}, says: "is made by the first start"},
		"nowhere to put it": {args: []string{"--cluster-secret-file", filepath.Join(dir, "no", "new")}, wrong: "secret     " + dir},
		"two secrets":       {args: []string{"--cluster-secret-file", file("two", secret+"another-"+secret, 0o600)}, says: "two: 2 are accepted, the first is used"},
		"an open secret":    {args: []string{"--cluster-secret-file", file("open", secret, 0o644)}, wrong: "secret     " + filepath.Join(dir, "open") + " can be read by others"},
		"a bad secret":      {args: []string{"--cluster-secret-file", file("bad", "horse", 0o600)}, wrong: "secret     " + filepath.Join(dir, "bad") + ": line 1: a secret of 5 bytes"},
		"a taken port":      {args: []string{"--mesh", taken.Addr().String()}, wrong: "mesh       listen tcp " + taken.Addr().String()},
		"nobody there":      {args: []string{"--join", nobody}, wrong: "join       " + nobody + " does not answer: "},
		"no such name":      {args: []string{"--join", "no-such.invalid:7946", "--mesh", "0.0.0.0:0", "--cluster-secret-file", file("name", secret, 0o600)}, wrong: "join       no-such.invalid:7946 "},
		"faulty settings":   {args: []string{"--mesh", ":7946"}, wrong: `settings   mesh: ":7946" is beyond loopback`},
	} {
		t.Run(name, func(t *testing.T) {
			var out strings.Builder
			code, errs := invoke(t, &out, nil, append([]string{"doctor", "settings", "--mesh", "127.0.0.1:0"}, c.args...)...)
			if errs != "" || strings.Contains(out.String(), "horse") {
				t.Errorf("stderr %q, stdout\n%s", errs, &out)
			}
			wrong := strings.Count(out.String(), "WRONG")
			switch {
			case c.wrong == "" && (code != exitDone || wrong != 0 || !strings.Contains(out.String(), c.says)):
				t.Errorf("exit code %d\n%s", code, &out)
			case c.wrong != "" && (code != exitFailed || wrong != 1 || !strings.Contains(out.String(), "WRONG  "+c.wrong)):
				t.Errorf("exit code %d, want 1 and only %q wrong in\n%s", code, c.wrong, &out)
			}
		})
	}
	if _, err := os.Stat(filepath.Join(dir, "new")); err == nil {
		t.Error("looking made a secret")
	}
}

func TestConfigCheckTellsOfTheMeshAndShowsNoSecret(t *testing.T) {
	const secret = "correct-horse-battery-staple"
	var out, errs strings.Builder
	code := run([]string{"config", "check", "--join", "other:7946", "--ack", "peer"}, &shell{
		in: strings.NewReader(""), out: &out, errs: &errs, now: time.Now,
		getenv: func(string) string { return "" }, environ: func() []string { return []string{"ANODE_CLUSTER_SECRET=" + secret} },
	})
	if code != exitDone || strings.Contains(out.String()+errs.String(), "horse") {
		t.Errorf("exit code %d\n%s%s", code, &out, &errs)
	}
	for _, want := range []string{"cluster secret   from ANODE_CLUSTER_SECRET", "join             other:7946", "mesh             127.0.0.1:7946", "ack              peer", "warning: --join other:7946 is beyond this machine"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is not in\n%s", want, &out)
		}
	}
	open := filepath.Join(t.TempDir(), "open")
	if err := errors.Join(os.WriteFile(open, []byte(secret), 0o600), os.Chmod(open, 0o644)); err != nil {
		t.Fatal(err)
	}
	out.Reset()
	if code, _ := invoke(t, &out, nil, "config", "check", "--cluster-secret-file", open); code != exitDone || !strings.Contains(out.String(), "warning: "+open+" can be read by others") {
		t.Errorf("exit code %d\n%s", code, &out)
	}
	bad := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(bad, []byte("horse"), 0o600); err != nil {
		t.Fatal(err)
	}
	out.Reset()
	code, text := invoke(t, &out, nil, "config", "check", "--cluster-secret-file", bad)
	if code != exitFailed || !strings.Contains(text, "cluster secret: "+bad+": line 1: a secret of 5 bytes") || strings.Contains(text, "horse") {
		t.Errorf("exit code %d, %s%s", code, &out, text)
	}
}
