// Package link is the connection between two peers: how it begins, and how frames (package frame) go over it. It
// has no actors and decides nothing: an actor of the gossip package owns each Link, and the core says what is sent.
//
//	            ┌─────┐ 0x16      ┌──────────┐ Conn ┌──────┐ Frame, Heard, Queued
//	TCP port ──▶│ Mux │──────────▶│ Endpoint │─────▶│ Link │────────────────────▶ Handler
//	            └──┬──┘  dialled ▶└──────────┘      └──────┘◀─ Send, Serve, Close
//	               └─▶ 0–13, 244: memberlist
//
// # How a link begins
//
//	dialer                                              listener
//	  │  TLS 1.3: hello ─────────────────────────────────▶ │
//	  │ ◀───────────── hello, certificate (node key), done │  dialer: is it wanted, is it not I?
//	  │  certificate (node key), done ───────────────────▶ │  listener: is it not I?
//	  │                                                    │
//	  │  HELLO + proof as "dialer" ──────────────────────▶ │  cluster? node = key? proof? else: cut, in silence
//	  │ ◀────────────────────── HELLO + proof as "listener"│  version?
//	  │  proof? cluster? node = key? version?              │
//	  │ ◀─────────────────────────────────────── frames ─▶ │
//
// Who a peer is follows from its key: each side shows a certificate that it made itself, in memory, and a NodeID is a hash
// of the public key in it. There is no authority and no date that could pass. That a peer may be here follows from the
// secret of the cluster:
//
//	proof = HMAC-SHA256(key, role, exporter, dialer's NodeID, listener's NodeID)      each led by its length
//	key   = HKDF-SHA256(secret, "anode 1 link proof" 0 cluster)
//
// The exporter (tls-exporter of RFC 9266) is known to the two ends of this one TLS session only. So a proof is of no use in
// another session: not replayed, not for who stands between with two sessions. The role keeps a node's own proof from
// being shown to it. The memberlist key comes from the same secret, with another text.
//
// The dialer proves first, so that a port that anybody can reach says nothing to who does not know the secret:
// no name, no address, no version, not which check failed. What TLS itself shows is the certificate, thus the NodeID. The
// price is paid by the dialer: whom it calls, if that is a stranger at an address without a known NodeID (a seed), learns its
// Hello, and gets a proof to try guesses against. So secrets have at least 128 bits. Where the NodeID is known,
// another node does not even get the dialer's certificate.
//
// Once the dialer has proven itself both sides find a version that does not fit for themselves, and say so in their own log.
// The listener answers with the key that the dialer used, so that nodes understand each other at every step of a rotation:
// the new secret is added behind the old one everywhere, then put before it, then left alone.
//
// # Strangers
//
// A connection is bounded before it is trusted, in time, bytes and number:
//
//	first byte     2 s     256 at a time, 32 from one address
//	handshake      5 s, all steps together     64 at a time, 8 from one address     16 KiB read, of them 8 KiB Hello
//
// The deadlines are for the whole, so that byte by byte gains nothing. What is beyond is cut at once. Who failed keeps his place
// until a second after he came, so that handshakes can't be had by the thousand. An address is an IPv4
// address, or the /64 around an IPv6 one. Dialling is not bounded by this: a node that is besieged by many hosts still
// links by calling others.
//
// # How frames go
//
// Send puts a frame into one of three classes, and a goroutine writes: control, then live, then repair, in order within each.
// A write takes what waits, up to 32 KiB (two full records of TLS), so that nothing waits for company and a burst
// costs few calls. The kernel holds at most 128 KiB unsent (TCP_NOTSENT_LOWAT), because what is there can't be overtaken. Frames
// are encoded when they are written: a batch that goes to eight links lies in memory once.
//
// Serve answers a pull from the journal. It reads when nothing else waits and what it read before was taken, at most
// 32 KiB or one batch at a time, on a goroutine of its own: a slow disk holds up no ping, a slow peer no memory.
//
// Run reads, and calls Handler.Frame for each frame: nothing lies between, so a handler that blocks makes the peer
// wait. Of a type that is not known, and of a damaged batch, the frame is skipped and counted; what is no frame ends the link.
//
// # Bounds
//
// A queue of MaxQueue (8 MiB, small frames counted with 64 bytes more) that runs over ends the link, and so does a write of
// which nothing is taken for Patience (5 s): slow is no fault, standing still is. Silence is for the core to judge.
// Close sends what waits for at most Farewell (1 s). An idle link holds no buffer of its own: reader and writer take
// theirs from a pool when something comes or goes.
//
// # Goroutines
//
// Run is one, starts one that writes, and while pulls are answered one that reads for them; it has waited for both when it
// returns. Mux and Endpoint have one a connection that is not a link yet, and wait for them too.
// A panic in any of them ends its connection, with ErrPanic.
package link
