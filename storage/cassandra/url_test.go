package cassandra_test

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"anode/storage/cassandra"
)

func TestURL(t *testing.T) {
	for text, want := range map[string]cassandra.Config{
		"cassandra://h1/anode":                          {Hosts: []string{"h1:9042"}, Keyspace: "anode"},
		"cassandra://h1:9042,h2:9043,[::1]:1/k":         {Hosts: []string{"h1:9042", "h2:9043", "[::1]:1"}, Keyspace: "k"},
		"cassandra://[::1],10.0.0.1/k":                  {Hosts: []string{"[::1]:9042", "10.0.0.1:9042"}, Keyspace: "k"},
		"cassandra://h/k_2?dc=eu-1&ttl=30d":             {Hosts: []string{"h:9042"}, Keyspace: "k_2", DC: "eu-1", TTL: 30 * 24 * time.Hour},
		"cassandra://h/k?replication=3&consistency=ONE": {Hosts: []string{"h:9042"}, Keyspace: "k", Replication: cassandra.Replication{Factor: 3}, Consistency: "one"},
		"cassandra://h/k?replication={dc1:3,'dc2':2}": {
			Hosts: []string{"h:9042"}, Keyspace: "k", Replication: cassandra.Replication{DCs: map[string]int{"dc1": 3, "dc2": 2}},
		},
		"cassandra://h/k?tls=on":                              {Hosts: []string{"h:9042"}, Keyspace: "k", TLS: cassandra.TLS{On: true}},
		"cassandra://h/k?tls=unverified":                      {Hosts: []string{"h:9042"}, Keyspace: "k", TLS: cassandra.TLS{On: true, Unverified: true}},
		"cassandra://h/k?tls-ca=/a%20b.pem&tls-name=db":       {Hosts: []string{"h:9042"}, Keyspace: "k", TLS: cassandra.TLS{On: true, CA: "/a b.pem", Name: "db"}},
		"cassandra://h/k?tls-ca=/a@b.pem":                     {Hosts: []string{"h:9042"}, Keyspace: "k", TLS: cassandra.TLS{On: true, CA: "/a@b.pem"}},
		"cassandra://h/k?tls-cert=c&tls-key=k&tls=off&dc=":    {},
		"cassandra://h/k?discovery=off&batch=10KiB&flight=16": {Hosts: []string{"h:9042"}, Keyspace: "k", Given: true, Batch: 10 << 10, Flight: 16},
	} {
		got, err := cassandra.Parse(text)
		if !reflect.DeepEqual(got, want) || (err == nil) != (len(want.Hosts) > 0) {
			t.Errorf("%s is\n%+v, %v, want\n%+v", text, got, err, want)
		}
	}
}

func TestURLFaults(t *testing.T) {
	for text, says := range map[string][]string{
		"":                                                   {"the form is"},
		"http://h/k":                                         {"the form is"},
		"cassandra://":                                       {"no host", `keyspace ""`},
		"cassandra:///k":                                     {"no host"},
		"cassandra://h":                                      {`keyspace ""`},
		"cassandra://h,/k":                                   {`host ""`},
		"cassandra://h:0/k":                                  {`host "h:0"`},
		"cassandra://h:x,i:70000/k":                          {`host "h:x"`, `host "i:70000"`},
		"cassandra://h/K":                                    {`keyspace "K"`},
		"cassandra://h/k/l":                                  {`keyspace "k/l"`},
		"cassandra://h/k;drop":                               {"keyspace"},
		"cassandra://h/k?ttl=1":                              {"ttl"},
		"cassandra://h/k?ttl=100ms":                          {"ttl 100ms", "whole seconds"},
		"cassandra://h/k?ttl=30y&wrong=1":                    {"ttl", "wrong is no setting"},
		"cassandra://h/k?ttl=8000d":                          {"20 years"},
		"cassandra://h/k?dc=a'b":                             {"dc"},
		"cassandra://h/k?dc=a&dc=b":                          {"more than once"},
		"cassandra://h/k?replication=0":                      {"replication"},
		"cassandra://h/k?replication={a}":                    {"replication"},
		"cassandra://h/k?replication={a:0}":                  {"replication of a"},
		"cassandra://h/k?replication={a:1,a:1}":              {"replication"},
		"cassandra://h/k?replication={a'b:1}":                {"replication"},
		"cassandra://h/k?consistency=all":                    {"consistency"},
		"cassandra://h/k?consistency=":                       {"consistency"},
		"cassandra://h/k?tls=yes":                            {"tls"},
		"cassandra://h/k?tls=off&tls-ca=f":                   {"tls is off"},
		"cassandra://h/k?tls-cert=f":                         {"go together"},
		"cassandra://h/k?batch=1B":                           {"batch"},
		"cassandra://h/k?batch=1GiB":                         {"batch"},
		"cassandra://h/k?batch=0":                            {"batch"},
		"cassandra://h/k?flight=0":                           {"flight"},
		"cassandra://h/k?flight=99999":                       {"flight"},
		"cassandra://h/k?discovery=no":                       {"discovery"},
		"cassandra://h/k?a=%zz":                              {"can't be read"},
		"cassandra://joe:12?secret@h/k":                      {"don't belong into the URL"},
		"cassandra://joe:1/2?secret@h/k?ttl=30d":             {"don't belong into the URL"},
		"cassandra://joe:1?ttl=2&secret=3@h/k":               {"don't belong into the URL"},
		"cassandra://joe:1?%secret@h/k":                      {"don't belong into the URL"},
		"cassandra://joe:secret@h:x/K?ttl=z&consistency=two": {"don't belong into the URL", "h:x", `"K"`, "ttl", "consistency"},
	} {
		_, err := cassandra.Parse(text)
		if err == nil {
			t.Errorf("%s is taken", text)
			continue
		}
		for _, part := range says {
			if !strings.Contains(err.Error(), part) {
				t.Errorf("%s: %q does not say %q", text, err, part)
			}
		}
		if strings.Contains(err.Error(), "secret") || strings.Contains(err.Error(), "joe") {
			t.Errorf("%s: %q tells the password", text, err)
		}
	}
}

func FuzzURL(f *testing.F) {
	f.Add("cassandra://h1:9042,[::1]/k?dc=a&ttl=30d&replication={a:3}&tls-ca=f")
	f.Add("cassandra://u:p@h/k?batch=1KiB&flight=3")
	f.Fuzz(func(t *testing.T, text string) {
		cfg, err := cassandra.Parse(text)
		if err != nil {
			return
		}
		if err := cfg.Validate(); err != nil || len(cfg.Hosts) == 0 {
			t.Errorf("%q gives %+v, which is wrong: %v", text, cfg, err)
		}
	})
}
