package main

import (
	"strings"
	"testing"
)

func TestTheArchiveInWords(t *testing.T) {
	const away = `{"state":"degraded","detail":"away since 10:00:00, 12,345 records (3 min) behind: connection refused","place":"cassandra://db1:9042/records","streams":">","ttl_seconds":604800,` +
		`"rows":991200,"failed":3,"lag":{"records":12345,"batches":410,"seconds":181.2},"origins":[` +
		`{"origin":"kq3f7","archiver":"kq3f7","here":true,"read":true,"confirmed":30211,"runs":1,"lag":{"records":12345,"batches":410,"seconds":181.2}},` +
		`{"origin":"m2x9q","archiver":"m2x9q","here":false,"read":false,"confirmed":0,"runs":0,"lag":{"records":0,"batches":0,"seconds":0}}]}`
	const hour = `"hour":"2026-11-22T10:00:00Z","journal":{"records":2,"hash":"aa"},"archive":{"records":`
	const check = `{"progress":{"done":0,"total":1}}` + "\n" + `{"stream":"a.b",` + hour + `2,"hash":"aa"},"equal":true}` + "\n" + `{"stream":"a.c",` + hour + `1,"hash":"bb"},"equal":false}` + "\n"
	for name, c := range map[string]struct {
		args, path, answer string
		code               int
		want               string
	}{
		"off": {"status", "", `{"state":"off","detail":"no archive is configured","lag":{},"origins":[]}`, 0, "off  no archive is configured\n"},
		"away": {"status", "", away, 1, `degraded  away since 10:00:00, 12,345 records (3 min) behind: connection refused
cassandra://db1:9042/records takes >, kept 7d; 991,200 rows written since the start

ORIGIN  ARCHIVED BY  CONFIRMED  RUNS  BEHIND  SINCE
kq3f7   kq3f7        30,211     1     12,345  3m
m2x9q   m2x9q        -          -     -       -
`},
		"written again": {
			"backfill --from 2d", "/backfill",
			`{"done":3,"total":5,"records":9}` + "\n" + `{"done":5,"total":5,"records":15}` + "\n" + `{"done":5,"total":5,"records":15,"finished":true}` + "\n", 0,
			"5 of 5 batches, 15 records written again\n",
		},
		"written again, as json": {"backfill -o json", "/backfill", `{"done":0,"total":0,"records":0,"finished":true}` + "\n", 0, `{"done":0,"total":0,"records":0,"finished":true}` + "\n"},
		"not written": {
			"backfill", "/backfill",
			`{"done":3,"total":5,"records":9}` + "\n" + `{"done":3,"total":5,"records":9,"error":"no such table"}` + "\n", 1, "anode: no such table\n",
		},
		"cut": {"backfill", "/backfill", `{"done":3,"total":5,"records":9}` + "\n", 1, "anode: the answer was cut before its end\n"},
		"differs": {
			"check", "/check", check + `{"summary":{"hours":1,"skipped":2,"compared":2,"unequal":1,"records":4}}` + "\n", 1,
			"2026-11-22T10:00:00Z  a.c  differs: journal 2, archive 1\n1 hour compared, 2 skipped; 2 pairs of stream and hour, 4 records; 1 differ\n",
		},
		"equal": {
			"check --all", "/check", check[:strings.Index(check, `{"stream":"a.c"`)] + `{"summary":{"hours":1,"skipped":0,"compared":1,"unequal":0,"records":2}}` + "\n", 0,
			"2026-11-22T10:00:00Z  a.b  equal: journal 2, archive 2\n1 hour compared, 0 skipped; 1 pair of stream and hour, 2 records; 0 differ\n",
		},
		"nothing to compare": {
			"check --from 1h", "/check", `{"summary":{"hours":0,"skipped":1,"compared":0,"unequal":0,"records":0}}` + "\n", 1,
			"0 hours compared, 1 skipped; 0 pairs of stream and hour, 0 records; 0 differ\nnothing was compared: the journal holds no whole hour of that time\n",
		},
		"no such streams": {
			"check --streams b", "/check", `{"summary":{"hours":2,"skipped":0,"compared":0,"unequal":0,"records":0}}` + "\n", 1,
			"2 hours compared, 0 skipped; 0 pairs of stream and hour, 0 records; 0 differ\nnothing was compared: neither side has records of these streams in that time\n",
		},
		"just now": {
			"status", "", `{"state":"ok","detail":"it does not answer just now","place":"cassandra://db1:9042/records","streams":">","away_since":"2026-11-22T10:00:00Z","lag":{},"origins":[]}`, 1,
			"ok  it does not answer just now\ncassandra://db1:9042/records takes >, kept for ever; 0 rows written since the start\n\nnothing is held yet\n",
		},
		"a check that fails":  {"check", "/check", `{"error":"archive away"}` + "\n", 1, "anode: archive away\n"},
		"a time that is none": {"check --from noon", "/check", "", 2, "from: "},
	} {
		t.Run(name, func(t *testing.T) {
			var out strings.Builder
			args := append([]string{"archive"}, strings.Fields(c.args)...)
			code, errs := invoke(t, &out, nil, append(args, "--server", node(t, map[string]string{"/api/v1/archive" + c.path: c.answer}))...)
			if got := out.String() + errs; code != c.code || got != c.want && (code != 2 || !strings.Contains(got, c.want)) {
				t.Errorf("exit %d, %q, want %d, %q", code, got, c.code, c.want)
			}
		})
	}
}
