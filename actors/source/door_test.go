package source_test

import (
	"crypto/hmac"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"anode/actors/source"
	"anode/messages/command"
)

func TestTheTokenIsAskedFor(t *testing.T) {
	dir := t.TempDir()
	write := func(text string) {
		if err := os.WriteFile(filepath.Join(dir, "hook"), []byte(text+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("s3cret-one")
	if err := os.WriteFile(filepath.Join(dir, "hook.hosts"), []byte("api.example.com\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	var ahead atomic.Int64
	b := newBench(t, func(cfg *source.Config) {
		cfg.Secrets.Dir = dir
		cfg.Clock = func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
	})
	b.put("name: p\nkind: push\npush: {token: '${secret:hook}'}")
	try := func(token string) error {
		p, err := b.open(command.OpenPush{Name: "p", Token: token})
		if err == nil {
			p.Close()
		}
		return err
	}
	for _, wrong := range []string{"", "x", "s3cret-on", "s3cret-one ", "S3cret-one"} {
		if err := try(wrong); !errors.Is(err, command.ErrUnauthorized) {
			t.Errorf("%q: %v", wrong, err)
		}
	}
	if err := try("s3cret-one"); err != nil {
		t.Error(err)
	}
	write("s3cret-two")
	ahead.Add(int64(2 * time.Second))
	if err := try("s3cret-one"); !errors.Is(err, command.ErrUnauthorized) {
		t.Errorf("an old token: %v", err)
	}
	if err := try("s3cret-two"); err != nil {
		t.Errorf("the new token: %v", err)
	}
	if err := os.Remove(filepath.Join(dir, "hook")); err != nil {
		t.Fatal(err)
	}
	ahead.Add(int64(2 * time.Second))
	if err := try("s3cret-two"); !errors.Is(err, command.ErrUnavailable) {
		t.Errorf("no token to compare with: %v", err)
	}
	b.Restart("p")
	b.awaitError("p", "secret hook is not on this node")
	if err := try("s3cret-two"); !errors.Is(err, command.ErrUnavailable) {
		t.Errorf("no token to compare with: %v", err)
	}
	if all := b.intake.everything() + b.log.String(); strings.Contains(all, "s3cret") {
		t.Error("the token is shown")
	}
	want := "# HELP anode_source_push_refused_total Senders to a push source that were refused: unauthorized, or crowded for want of room.\n" +
		"# TYPE anode_source_push_refused_total counter\n" +
		"anode_source_push_refused_total{reason=\"crowded\",source=\"p\"} 0\nanode_source_push_refused_total{reason=\"unauthorized\",source=\"p\"} 6\n"
	if err := testutil.GatherAndCompare(b.metrics, strings.NewReader(want), "anode_source_push_refused_total"); err != nil {
		t.Error(err)
	}
}

func sum(alg, key, text string) []byte {
	h := sha256.New
	switch alg {
	case "sha1":
		h = sha1.New
	case "sha512":
		h = sha512.New
	}
	mac := hmac.New(h, []byte(key))
	mac.Write([]byte(text))
	return mac.Sum(nil)
}

func TestTheSignatureIsVerified(t *testing.T) {
	b := newBench(t, func(cfg *source.Config) {
		cfg.Secrets.Getenv = func(name string) string {
			return map[string]string{"ANODE_SECRET_HOOK": "the-key", "ANODE_SECRET_SVIX": "whsec_" + base64.StdEncoding.EncodeToString([]byte("\x00raw\xff"))}[name]
		}
	})
	b.put("name: github\nkind: push\npush: {verify: {alg: sha256, header: X-Hub-Signature-256, secret: '${secret:hook}'}}")
	b.put("name: old\nkind: push\npush: {verify: {alg: sha1, header: X-Sign, secret: '${secret:hook}'}}")
	b.put("name: long\nkind: push\npush: {verify: {alg: sha512, header: X-Sign, secret: '${secret:hook}'}}")
	b.put("name: slack\nkind: push\npush: {verify: {alg: sha256, header: X-Slack-Signature, secret: '${secret:hook}', of: 'v0:${.request.headers[\"x-slack-request-timestamp\"]}:${.request.body}'}}")
	b.put(`name: stripe
kind: push
push: {verify: {alg: sha256, header: Stripe-Signature, secret: '${secret:hook}', of: '${.request.headers["stripe-signature"] | capture("t=(?<t>[0-9]+)").t}.${.request.body}'}}`)
	b.put("name: svix\nkind: push\npush: {verify: {alg: sha256, header: Webhook-Signature, secret: '${secret:svix}', of: '${.request.headers[\"webhook-id\"]}.${.request.headers[\"webhook-timestamp\"]}.${.request.body}'}}")
	body := `{"zen": "é"}`
	hexOf := func(alg, text string) string { return hex.EncodeToString(sum(alg, "the-key", text)) }
	good := []struct {
		source  string
		headers []string
	}{
		{"github", []string{"X-Hub-Signature-256: sha256=" + hexOf("sha256", body)}},
		{"github", []string{"X-Hub-Signature-256: " + strings.ToUpper(hexOf("sha256", body))}},
		{"github", []string{"X-Hub-Signature-256: " + base64.StdEncoding.EncodeToString(sum("sha256", "the-key", body))}},
		{"github", []string{"X-Hub-Signature-256: sha256=" + base64.RawURLEncoding.EncodeToString(sum("sha256", "the-key", body))}},
		{"old", []string{"X-Sign: sha1=" + hexOf("sha1", body)}},
		{"long", []string{"X-Sign: " + base64.StdEncoding.EncodeToString(sum("sha512", "the-key", body))}},
		{"slack", []string{"X-Slack-Request-Timestamp: 1531420618", "X-Slack-Signature: v0=" + hexOf("sha256", "v0:1531420618:"+body)}},
		{"stripe", []string{"Stripe-Signature: t=1492774577,v1=" + strings.Repeat("0", 64) + ",v1=" + hexOf("sha256", "1492774577."+body) + ",v0=abc"}},
		{"svix", []string{"Webhook-Id: msg_1", "Webhook-Timestamp: 5", "Webhook-Signature: v1,AAAA v1," + base64.StdEncoding.EncodeToString(sum("sha256", "\x00raw\xff", "msg_1.5."+body))}},
	}
	push := func(source, body string, headers ...string) error {
		from, err := b.begin(command.OpenPush{Name: source}, body, headers...)
		if err != nil {
			return err
		}
		p, err := b.answer(from)
		if err == nil && p.Accepted != 1 {
			return fmt.Errorf("%+v", p)
		}
		return err
	}
	for _, c := range good {
		if err := push(c.source, body, c.headers...); err != nil {
			t.Errorf("%s %v: %v", c.source, c.headers, err)
		}
		if err := push(c.source, body+" ", c.headers...); !errors.Is(err, command.ErrUnauthorized) {
			t.Errorf("%s: another body: %v", c.source, err)
		}
	}
	right := hexOf("sha256", body)
	for _, wrong := range []string{
		"", "x", "sha256=", "sha256=" + right[:62], right[:63] + "g", "sha256=" + hex.EncodeToString(sum("sha256", "another-key", body)),
		"sha1=" + hexOf("sha1", body), strings.Repeat("a=b,", 40) + right, strings.Repeat("=", 100),
	} {
		if err := push("github", body, "X-Hub-Signature-256: "+wrong); !errors.Is(err, command.ErrUnauthorized) {
			t.Errorf("%.80q: %v", wrong, err)
		}
	}
	for _, c := range [][]string{{"slack", "X-Slack-Signature: v0=" + hexOf("sha256", "v0::"+body), "\xff"}, {"stripe", "Stripe-Signature: v1=" + right, body}} {
		if err := push(c[0], c[2], c[1]); !errors.Is(err, command.ErrUnauthorized) {
			t.Errorf("%v: %v", c, err)
		}
	}
	if _, err := b.open(command.OpenPush{Name: "github", Socket: true}); !errors.Is(err, command.ErrUnauthorized) {
		t.Errorf("a WebSocket: %v", err)
	}
	if b.intake.count("github") != 4 || strings.Contains(b.intake.everything()+b.log.String(), "the-key") {
		t.Errorf("%d records", b.intake.count("github"))
	}
}

func TestWhoIsOpenToAllIsWarnedOf(t *testing.T) {
	for _, c := range []struct {
		exposed bool
		push    string
		warned  bool
	}{{true, "", true}, {false, "", false}, {true, "push: {token: '${secret:a}'}", false}} {
		b := newBench(t, func(cfg *source.Config) {
			cfg.Exposed = c.exposed
			cfg.Secrets.Getenv = func(string) string { return "a-secret" }
		})
		b.put("name: p\nkind: push\n%s", c.push)
		b.awaitState("p", command.SourceRunning)
		b.Restart("p")
		b.await("it runs again", func() bool { s, _ := b.Status("p"); return s.Restarts == 1 && s.State == command.SourceRunning })
		if n := strings.Count(b.log.String(), "anybody who reaches this node can push"); n != map[bool]int{true: 1}[c.warned] {
			t.Errorf("%+v: %d warnings", c, n)
		}
	}
}
