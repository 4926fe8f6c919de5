package wire

import "anode/messages"

// StandIn is a batch of that header with bytes that nobody reads: for simulations, which carry batches and
// never open them. It must not be stored or sent.
func StandIn(h messages.Header, bytes []byte) *Sealed {
	return &Sealed{Header: h, bytes: bytes}
}
