package guess

import (
	"encoding/json"
	"net/url"

	"anode/messages/spec"
)

// Beginning reads a document that has a url and neither name nor kind.
func Beginning(document []byte, yaml bool) (map[string]json.RawMessage, bool) {
	text, err := spec.JSON(document, yaml)
	if err != nil {
		return nil, false
	}
	var members map[string]json.RawMessage
	if json.Unmarshal(text, &members) != nil || members["url"] == nil || members["kind"] != nil || members["name"] != nil {
		return nil, false
	}
	return members, true
}

// KindOf is the kind that an address is tried as first; a fault of it comes as spec.Faults.
func KindOf(given map[string]json.RawMessage) (string, error) {
	var address string
	fault := func(message string) error { return spec.Faults{{Path: "/url", Message: message}} }
	if json.Unmarshal(given["url"], &address) != nil {
		return "", fault("must be a text")
	}
	u, err := url.Parse(address)
	switch {
	case err != nil || u.Host == "":
		return "", fault("is no URL, such as https://api.example.com/data or wss://feed.example.com")
	case u.Scheme == "ws" || u.Scheme == "wss" || given["websocket"] != nil:
		return spec.KindWebSocket, nil
	case u.Scheme == "http" || u.Scheme == "https":
		if given["sse"] != nil {
			return spec.KindSSE, nil
		}
		return spec.KindREST, nil
	}
	return "", fault("must begin with https://, http://, wss:// or ws://")
}
