package auth

import (
	"net/http"
	"net/url"
	"strings"
)

// bearerProtocol begins the subprotocol in which browsers send a token.
const bearerProtocol = "anode.bearer."

// Credential is the token that a sender shows, in the first of these ways: the parameter token, for those that can be
// told nothing but a URL; Authorization with Bearer or, as the password, with Basic; the
// subprotocol anode.bearer.<token>, for browsers' WebSockets. Empty is none.
func Credential(r *http.Request) string {
	if token := r.URL.Query().Get("token"); token != "" {
		return token
	}
	scheme, text, _ := strings.Cut(strings.TrimSpace(r.Header.Get("Authorization")), " ")
	if strings.EqualFold(scheme, "Bearer") {
		return strings.TrimSpace(text)
	}
	if _, password, ok := r.BasicAuth(); ok {
		return password
	}
	for _, protocol := range Subprotocols(r) {
		if token, ok := strings.CutPrefix(protocol, bearerProtocol); ok {
			return token
		}
	}
	return ""
}

// Subprotocols are those that a client of a WebSocket offers.
func Subprotocols(r *http.Request) []string {
	var all []string
	for _, line := range r.Header.Values("Sec-Websocket-Protocol") {
		for _, protocol := range strings.Split(line, ",") {
			if protocol = strings.TrimSpace(protocol); protocol != "" {
				all = append(all, protocol)
			}
		}
	}
	return all
}

// Spoken is the first subprotocol of a client that is no credential; empty where there is none.
func Spoken(r *http.Request) string {
	for _, protocol := range Subprotocols(r) {
		if !strings.HasPrefix(protocol, bearerProtocol) {
			return protocol
		}
	}
	return ""
}

// Shown is the path and query of a URL without its credential.
func Shown(u *url.URL) string {
	q := u.Query()
	q.Del("token")
	text := u.EscapedPath()
	if len(q) > 0 {
		text += "?" + q.Encode()
	}
	return text
}
