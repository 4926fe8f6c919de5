// Package api is the gateway's REST side: routes, bodies and answers of /api/v1, health and
// metrics, on echo. It holds no state of its own: every answer comes from the node, and
// every fault leaves as a problem document.
//
// The handlers of sockets (WebSocket, server-sent events) come from gateway/session and are
// mounted here, behind the same guard.
package api
