// Package unpack reads what feeds have compressed: gzip, deflate with or without the head of zlib, zstd and base64.
// Each step gives at most 16 MiB, whatever it is fed, and is safe for concurrent use; what readers need is shared.
package unpack
