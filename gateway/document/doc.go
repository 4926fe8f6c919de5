// Package document holds what the gateway tells of itself: the OpenAPI document of its routes, and the
// AsyncAPI document of its WebSocket protocol.
//
// The documents are written by hand. Tests here check that they are well formed and that their
// examples are what their schemas say; the tests of gateway/api and gateway/session check that they
// and the code tell the same.
package document
