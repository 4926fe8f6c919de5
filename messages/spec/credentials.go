package spec

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

const useSecret = "must not hold a credential as it is: write ${secret:NAME} and put the credential in the file NAME of --secrets"

// credentialHeaders are the headers that carry credentials by their nature.
var credentialHeaders = []string{
	"Authorization", "Proxy-Authorization", "Cookie", "X-Api-Key", "Api-Key", "Apikey", "X-Auth-Token", "X-Access-Token", "X-Auth-Key",
}

// ownHeaders are those that the connector writes itself.
var ownHeaders = []string{
	"Host", "Connection", "Upgrade", "Content-Length", "Transfer-Encoding", "Te", "Trailer", "Keep-Alive", "Accept-Encoding",
	"Sec-Websocket-Key", "Sec-Websocket-Version", "Sec-Websocket-Extensions", "Sec-Websocket-Protocol",
}

func ownHeader(name string) string {
	if slices.Contains(ownHeaders, http.CanonicalHeaderKey(name)) {
		return "is written by the node itself"
	}
	return ""
}

func headerSecret(name, text string) string {
	if slices.Contains(credentialHeaders, http.CanonicalHeaderKey(name)) {
		return secretFault(text)
	}
	return ""
}

// secretFault refuses a text that holds nothing but literals.
func secretFault(text string) string {
	if text != "" && !Templated(text) {
		return useSecret
	}
	return ""
}

// plainSecretFault refuses a secret that is compared with what strangers send where it is computed: who may write a
// spec could learn a secret piece by piece.
func plainSecretFault(text string) string {
	pieces, err := Pieces(text)
	if err != nil {
		return err.Error()
	}
	for _, p := range pieces {
		if p.Expr {
			return "must be a ${secret:NAME}, not an expression"
		}
	}
	return secretFault(text)
}

// noSecretFault refuses secrets.
func noSecretFault(text string) string {
	pieces, err := Pieces(text)
	if err != nil {
		return err.Error()
	}
	for _, p := range pieces {
		if p.Secret || len(p.Secrets) > 0 {
			return "must not have a secret"
		}
	}
	return ""
}

func headerText(text string) string {
	pieces, _ := Pieces(text)
	for _, p := range pieces {
		if p.Expr || p.Secret {
			continue
		}
		if i := strings.IndexFunc(p.Text, func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }); i >= 0 {
			return fmt.Sprintf("has the control character %q, which a header must not have", p.Text[i])
		}
	}
	return ""
}

// urlFault checks a URL in whose place of expressions a digit is put, which fits everywhere.
func urlFault(text string) string {
	pieces, err := Pieces(text)
	if err != nil {
		return err.Error()
	}
	var sample, literal strings.Builder
	for _, p := range pieces {
		if p.Expr || p.Secret {
			sample.WriteByte('1')
			literal.WriteByte(0)
			continue
		}
		sample.WriteString(p.Text)
		literal.WriteString(p.Text)
	}
	if len(pieces) > 0 && pieces[0].Expr { // all of it may come of a call before
		if strings.ContainsAny(literal.String(), " \t\r\n#") {
			return fmt.Sprintf("%q is no URL", clip(text))
		}
		return ""
	}
	u, err := url.Parse(sample.String())
	switch {
	case err != nil || strings.ContainsAny(sample.String(), " \t\r\n"):
		return fmt.Sprintf("%q is no URL", clip(text))
	case !slices.Contains([]string{"http", "https", "ws", "wss"}, u.Scheme) || !strings.HasPrefix(sample.String(), u.Scheme+"://"):
		return "must begin with https://, http://, wss:// or ws://"
	case u.Hostname() == "":
		return "has no host"
	case u.Fragment != "" || strings.Contains(sample.String(), "#"):
		return "must not have a fragment (#…)"
	case u.User != nil && literalUser(literal.String()):
		return useSecret
	}
	return ""
}

// proxyFault checks the URL of a proxy likewise.
func proxyFault(text string) string {
	pieces, err := Pieces(text)
	if err != nil {
		return err.Error()
	}
	var sample, literal strings.Builder
	for _, p := range pieces {
		if p.Expr {
			return "must have no expression but ${secret:NAME}"
		}
		if p.Secret {
			p.Text = "1"
			literal.WriteByte(0)
		} else {
			literal.WriteString(p.Text)
		}
		sample.WriteString(p.Text)
	}
	u, err := url.Parse(sample.String())
	switch {
	case err != nil || strings.ContainsAny(sample.String(), " \t\r\n"):
		return fmt.Sprintf("%q is no URL", clip(text))
	case !slices.Contains([]string{"http", "https", "socks5", "socks5h"}, u.Scheme) || !strings.HasPrefix(sample.String(), u.Scheme+"://"):
		return "must begin with http://, https:// or socks5://"
	case u.Hostname() == "":
		return "has no host"
	case u.Path != "" && u.Path != "/" || u.RawQuery != "" || u.Fragment != "":
		return "must have nothing behind the host and its port"
	case u.User != nil && literalUser(literal.String()):
		return useSecret
	}
	return ""
}

// literalUser tells whether the user info has a credential that is no expression; those stand as zero
// bytes. A name beside a password is none.
func literalUser(literal string) bool {
	_, rest, _ := strings.Cut(literal, "://")
	if end := strings.IndexAny(rest, "/?"); end >= 0 {
		rest = rest[:end]
	}
	at := strings.LastIndexByte(rest, '@')
	name, password, _ := strings.Cut(rest[:max(at, 0)], ":")
	if password != "" {
		return strings.Trim(password, "\x00") != ""
	}
	return strings.Trim(name, "\x00") != ""
}
