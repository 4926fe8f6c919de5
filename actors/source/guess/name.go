package guess

import (
	"net"
	"net/url"
	"path"
	"regexp"
	"strings"
)

// dull are words of addresses that say nothing.
var dull = set(`www api apis rest ws wss stream streams feed feeds data public latest all live v1 v2 v3 v4 v5 v6 json xml csv rss atom index html http https web
	com org net io gov edu co info dev app cloud int eu uk de us ch fr at nl jp au ca gateway service services open ws-feed api1 query get list fdsnws graphql socket websocket`)

var unnamed = regexp.MustCompile(`[^a-z0-9]+`)

// namesOf makes the words of a source's name of its address: at most three, the host's first.
func namesOf(address string) []string {
	u, err := url.Parse(address)
	if err != nil {
		return []string{"feed"}
	}
	var words []string
	add := func(text string) {
		for _, word := range strings.Split(unnamed.ReplaceAllString(strings.ToLower(text), "-"), "-") {
			word = word[:min(len(word), 20)]
			if word == "" || dull[word] || strings.Trim(word, "0123456789") == "" || len(words) > 0 && words[len(words)-1] == word {
				continue
			}
			if regexp.MustCompile(`^v\d+$`).MatchString(word) {
				continue
			}
			words = append(words, word)
		}
	}
	host := u.Hostname()
	if net.ParseIP(host) == nil && host != "localhost" {
		labels := strings.Split(host, ".")
		if n := len(labels); n > 1 {
			at := n - 2
			if dull[labels[at]] && at > 0 { // example.co.uk
				at--
			}
			labels = labels[at : at+1]
		}
		add(labels[0])
	}
	hosts := len(words)
	parts := strings.Split(strings.Trim(strings.TrimSuffix(u.Path, path.Ext(u.Path)), "/"), "/")
	for _, part := range parts {
		if plain, err := url.PathUnescape(part); err == nil && !strings.ContainsAny(plain, "${}") {
			add(plain)
		}
	}
	const most = 3
	if len(words) > most { // the host, and the end of the path
		words = append(words[:min(hosts, 1):min(hosts, 1)], words[len(words)-(most-min(hosts, 1)):]...)
	}
	if len(words) == 0 {
		return []string{"feed"}
	}
	return words
}
