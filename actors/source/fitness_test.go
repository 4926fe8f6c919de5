package source

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"anode/actors/source/egress"
	"anode/messages/command"
	"anode/messages/spec"
)

func TestWhoIsToBlame(t *testing.T) {
	other := errors.New("the feed cut the connection")
	for _, c := range []struct {
		err  error
		want blame
	}{
		{nil, blameNobody},
		{other, blameFeed},
		{fmt.Errorf("item 1: %w", other), blameFeed},
		{&Refused{Status: 403}, blameFeed},
		{&NoAnswer{Who: "the feed"}, blameFeed},
		{&late{clock: clockTransport}, blameFeed},
		{&late{clock: clockProtocol}, blameFeed},
		{&late{clock: clockData}, blameNobody},
		{&AskedToWait{Err: &Refused{Status: 429}, Wait: time.Second}, blameNobody},
		{&AskedToWait{Wait: time.Hour}, blameNobody},
		{&EndedInOrder{Words: "bye"}, blameNobody},
		{fmt.Errorf("url: %w", noSecret("secret %s is not here", "x")), blameNode},
		{blameSpec(fmt.Errorf("url: %w", noSecret("secret %s is not here", "x"))), blameNode},
		{blameSpec(errors.New("url: what the template makes is no URL")), blameNobody},
		{blameSpec(context.DeadlineExceeded), blameFeed},
		{fmt.Errorf("connect to x: %w", &egress.RefusedError{Class: "loopback"}), blameNode},
		{fmt.Errorf("the journal: %w", command.ErrStorageFull), blameNobody},
		{errRefused, blameNobody},
	} {
		if got := blameOf(c.err); got != c.want {
			t.Errorf("%v: %d, not %d", c.err, got, c.want)
		}
	}
}

func TestWhenANodeIsTheWrongOne(t *testing.T) {
	at := func(seconds int) time.Time { return time.Unix(int64(1_000_000+seconds), 0) }
	never := time.Unix(0, 0)
	var f fitness
	is := func(seconds int, good time.Time, want string) {
		t.Helper()
		if reason, unfit := f.judge(at(seconds), good, 30*time.Second, 3); unfit != (want != "") || reason != want {
			t.Errorf("after %d s: %q %v, not %q", seconds, reason, unfit, want)
		}
	}
	is(0, never, "")
	f.ended(blameFeed, false, "a", at(0))
	f.ended(blameFeed, false, "b", at(31))
	is(60, never, "") // two tries
	f.ended(blameNobody, false, "", at(61))
	is(61, never, "")
	f.ended(blameFeed, false, "c", at(62))
	is(62, never, "c")
	is(62, at(40), "") // it works again
	f.ended(blameFeed, true, "d", at(70))
	f.ended(blameFeed, false, "e", at(71))
	f.ended(blameFeed, false, "f", at(72))
	is(99, at(69), "") // not for long enough
	is(100, at(69), "f")
	f.forget()
	is(200, never, "")
	f.ended(blameNode, false, "no secret", at(200))
	is(200, never, "no secret")
	f.opened()
	is(201, never, "")
}

func TestTheHostThatIsKnownBeforehand(t *testing.T) {
	for url, want := range map[string]string{
		"https://API.example.com/x?a=1":            "api.example.com",
		"https://api.example.com:443/x":            "api.example.com",
		"https://api.example.com:8443":             "api.example.com:8443",
		"wss://feed.example.com/?t=${now}":         "feed.example.com",
		"wss://feed.example.com?t=${now}":          "feed.example.com",
		"https://${.item}.example.com/":            "",
		"https://example.com${.item}":              "",
		"${.before.url}":                           "",
		"https://[2001:db8::1]/x":                  "2001:db8::1",
		"https://[2001:db8::1]:8443/x/${.item}?q=": "[2001:db8::1]:8443",
	} {
		if got := HostOf(&spec.Spec{Kind: spec.KindREST, URL: url}); got != want {
			t.Errorf("%s: %q, not %q", url, got, want)
		}
	}
	if got := HostOf(&spec.Spec{Kind: spec.KindPush}); got != "" {
		t.Error(got)
	}
}
