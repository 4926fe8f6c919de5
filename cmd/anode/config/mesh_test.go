package config_test

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
)

const secret = "correct-horse-battery-staple"

func TestMeshSettings(t *testing.T) {
	many := make([]string, 65)
	for i := range many {
		many[i] = fmt.Sprintf("10.0.0.%d:7946", i)
	}
	var (
		environ = []string{"ANODE_CLUSTER_SECRET=" + secret}
		file    = []string{"--cluster-secret-file", "s"}
		both    = slices.Concat(file, []string{"--mesh", ":7946"})
	)
	for name, c := range map[string]struct {
		environ []string
		args    []string
		want    string // the fault; empty is none
	}{
		"alone":                              {},
		"any port of loopback":               {args: []string{"--mesh", "localhost:0"}},
		"beyond loopback, nothing secret":    {args: []string{"--mesh", ":7946"}, want: `mesh: ":7946" is beyond loopback, where anyone could join: it needs --cluster-secret-file FILE`},
		"0.0.0.0, nothing secret":            {args: []string{"--mesh", "0.0.0.0:7946"}, want: "it needs --cluster-secret-file"},
		"a name, nothing secret":             {args: []string{"--mesh", "me.example:7946"}, want: "it needs --cluster-secret-file"},
		"beyond loopback with a file":        {args: both},
		"beyond loopback with a text":        {environ: environ, args: []string{"--mesh", ":7946"}},
		"no port":                            {args: []string{"--mesh", "127.0.0.1"}, want: `mesh: "127.0.0.1" is no host:port`},
		"a port in words":                    {args: []string{"--mesh", "127.0.0.1:many"}, want: `mesh: port "many" is no number from 0 to 65535`},
		"a port too high":                    {args: []string{"--mesh", "127.0.0.1:65536"}, want: `mesh: port "65536"`},
		"two secrets":                        {environ: environ, args: file, want: "cluster-secret-file: ANODE_CLUSTER_SECRET is set too: leave one of them out"},
		"an empty text is none":              {environ: []string{"ANODE_CLUSTER_SECRET= \n"}, args: both},
		"a short text":                       {environ: []string{"ANODE_CLUSTER_SECRET=hush-hush"}, want: "ANODE_CLUSTER_SECRET: line 1: a secret of 9 bytes, at least 16 are needed (make one with: openssl rand -base64 32)"},
		"several texts":                      {environ: []string{"ANODE_CLUSTER_SECRET=" + secret + "\n" + secret + "2"}, args: []string{"--mesh", ":0"}},
		"a secret among settings":            {args: []string{"--config", write(t, "cluster-secret: "+secret)}, want: "cluster-secret: it is not kept among settings: name a file of its own with cluster-secret-file, or set ANODE_CLUSTER_SECRET"},
		"seeds":                              {args: []string{"--join", "a.example:7946", "--join", "10.0.0.1:1,[2001:db8::1]:7946"}},
		"a seed without a port":              {args: []string{"--join", "other"}, want: `join: seed "other": want HOST:PORT (such as other:7946, the usual port of --mesh)`},
		"a bare IPv6 address":                {args: []string{"--join", "2001:db8::1"}, want: "in brackets"},
		"a seed that is a URL":               {args: []string{"--join", "http://other:8080"}, want: "(a seed is no URL, but host and port of another node's --mesh)"},
		"a seed with port 0":                 {args: []string{"--join", "other:0"}, want: `join: seed "other:0": port "0": want 1 to 65535`},
		"the most seeds":                     {args: []string{"--join", strings.Join(many[:64], ",")}},
		"too many seeds":                     {args: []string{"--join", strings.Join(many, ",")}, want: "join: 65 seeds, at most 64 are called"},
		"advertised":                         {args: append([]string{"--advertise-mesh", "203.0.113.5:99"}, both...)},
		"advertised by name":                 {args: append([]string{"--advertise-mesh", "me.example"}, both...)},
		"advertised as all":                  {args: append([]string{"--advertise-mesh", "0.0.0.0"}, both...), want: `advertise-mesh: advertised address "0.0.0.0": it means all addresses of a machine, not one (give the address or name of this machine`},
		"advertised as all of IPv6":          {args: append([]string{"--advertise-mesh", "[::]:7946"}, both...), want: "it means all addresses of a machine"},
		"advertised at a port in words":      {args: append([]string{"--advertise-mesh", "me.example:many"}, both...), want: `advertise-mesh: advertised address "me.example:many": port "many"`},
		"advertised beyond, nothing secret":  {args: []string{"--advertise-mesh", "203.0.113.5"}, want: `advertise-mesh: "203.0.113.5" is beyond loopback: it needs --cluster-secret-file`},
		"advertised on loopback":             {args: []string{"--advertise-mesh", "127.0.0.1:99"}},
		"acknowledged by a peer":             {args: []string{"--ack", "peer"}},
		"acknowledged by who knows":          {args: []string{"--ack", "all"}, want: `ack: "all" is none of local, peer`},
		"a join beyond loopback, no secrets": {args: []string{"--join", "other:7946"}}, // the bind decides
	} {
		t.Run(name, func(t *testing.T) {
			_, err := load(t, c.environ, c.args...)
			switch {
			case c.want == "" && err != nil:
				t.Errorf("refused: %v", err)
			case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
				t.Errorf("the error is %v", err)
			case err != nil && (strings.Contains(err.Error(), secret) || strings.Contains(err.Error(), "hush")):
				t.Errorf("the error has the secret: %v", err)
			}
		})
	}
}

func TestMeshFaultsComeTogether(t *testing.T) {
	_, err := load(t, []string{"ANODE_CLUSTER_SECRET=hush-hush"}, "--mesh", "7946", "--join", "other", "--join", "another", "--advertise-mesh", "::", "--ack", "x",
		"--cluster-secret-file", "s")
	for _, want := range []string{"mesh: ", `join: seed "other"`, `join: seed "another"`, "advertise-mesh: ", "ack: ", "ANODE_CLUSTER_SECRET: line 1", "cluster-secret-file: "} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q is not in:\n%v", want, err)
		}
	}
}

func TestMeshSettingsComeFromAllPlaces(t *testing.T) {
	name := write(t, "join: [a:1, b:2]\nadvertise-mesh: me\ncluster-secret-file: s\n")
	c, err := load(t, []string{"ANODE_ACK=peer", "ANODE_MESH=:7000"}, "--config", name)
	if err != nil || !slices.Equal(c.Join, []string{"a:1", "b:2"}) || c.AdvertiseMesh != "me" || c.ClusterSecretFile != "s" || c.Ack != "peer" || c.MeshOnLoopback() {
		t.Errorf("%+v, %v", c, err)
	}
	c, err = load(t, []string{"ANODE_JOIN=a:1, b:2", "ANODE_CLUSTER_SECRET_FILE=s"})
	if err != nil || !slices.Equal(c.Join, []string{"a:1", "b:2"}) || c.ClusterSecretFile != "s" || !c.MeshOnLoopback() {
		t.Errorf("%+v, %v", c, err)
	}
}

func TestTheSecretIsNotShown(t *testing.T) {
	c, err := load(t, []string{"ANODE_CLUSTER_SECRET= " + secret + "\n"})
	if err != nil || string(c.ClusterSecret) != secret {
		t.Fatalf("%v", err)
	}
	var log strings.Builder
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "secret", c.ClusterSecret, "config", c)
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "secret", c.ClusterSecret, "config", c)
	asJSON, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{fmt.Sprintf("%v %+v %#v %s %q %x", c, c, c, c.ClusterSecret, c.ClusterSecret, c.ClusterSecret), log.String(), string(asJSON)} {
		if strings.Contains(text, "horse") || strings.Contains(text, fmt.Sprintf("%x", "horse")) {
			t.Errorf("it is in %s", text)
		}
		if !strings.Contains(text, "hidden") {
			t.Errorf("that there is one is not in %s", text)
		}
	}
}

func TestWarnings(t *testing.T) {
	for name, c := range map[string]struct {
		args []string
		want string // a warning has it; empty: there is none
	}{
		"no seeds":                    {},
		"seeds of this machine":       {args: []string{"--join", "localhost:1,127.0.0.1:2,[::1]:3"}},
		"seeds beyond":                {args: []string{"--join", "localhost:1,other:7946,10.0.0.1:7946"}, want: "--join other:7946, 10.0.0.1:7946 is beyond this machine, but --mesh 127.0.0.1:7946 listens to this machine only: nobody there can answer"},
		"who listens beyond can join": {args: []string{"--join", "other:7946", "--mesh", ":7946", "--cluster-secret-file", "s"}},
	} {
		t.Run(name, func(t *testing.T) {
			cfg, err := load(t, nil, c.args...)
			if err != nil {
				t.Fatal(err)
			}
			all := strings.Join(cfg.Warnings(), "\n")
			if (c.want == "") != (all == "") || !strings.Contains(all, c.want) {
				t.Errorf("it warns: %s", all)
			}
		})
	}
}
