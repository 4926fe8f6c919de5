// Package oauth gets tokens by the client credentials grant of OAuth 2 (RFC 6749, section 4.4). It is
// the only one that knows the library for it, and keeps nothing but how a server wants the credentials.
package oauth
