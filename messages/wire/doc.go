// Package wire is the form of batches on disk and on links: the same bytes in both.
//
// A sealed batch, format version 1 (integers little-endian):
//
//	 0        1        2        3        4                8
//	┌────────┬────────┬────────┬────────┬────────────────┐
//	│ 'a'    │ 'N'    │ version│ codec  │ header length  │  length of all up to the body
//	├────────┴────────┴────────┴────────┼────────────────┤
//	│ body length (as it stands)        │ raw length     │  raw: before compression
//	├───────────────────────────────────┼────────────────┤
//	│ epoch (8)                         │ sequence (8)   │
//	├───────────────────────────────────┼────────────────┤
//	│ first HLC (8)                     │ last HLC (8)   │
//	├────────────────┬──────────────────┴────────────────┤
//	│ count (4)      │ previous header's hash (32)       │  BLAKE3-256; zero in the first of an epoch
//	├────────────────┴───────────────────────────────────┤
//	│ root (32)      BLAKE3-256 over one hash a group    │
//	├──────────┬──────────┬──────────────────────────────┤
//	│ len (1)  │ origin   │ prior: 0, or 1 + epoch (8) + │
//	│          │          │ sequence (8) + index (4)     │
//	├──────────┴──┬───────┴──────────────────────────────┤
//	│ len (1)     │ signature (0 or 64)                  │  empty in this version
//	├─────────────┴──────────────────────────────────────┤
//	│ body: protobuf Body (batch.proto), compressed      │  none, S2 or zstd
//	├────────────────────────────────────────────────────┤
//	│ CRC32C of all before it (4)                        │
//	└────────────────────────────────────────────────────┘
//
// The hash of a header is over the bytes up to the body. Record i has the HLC first + i:
// sealing reads the clock once. The root lets one group be shown to be in a batch
// without the others.
//
// Everything here is pure. Parse checks the checksum and the header; Open decompresses
// and decodes the body, with every length bounded before anything is allocated.
package wire
