package journal

import "hash/crc32"

// sums gives the CRC32C of any stretch of a file in little time: who looks for batches behind damage meets
// bytes that say of themselves that they are one, at every turn where they were made so, and up to 2 MiB each.
//
// It keeps the checksum of all from its base up to each page. The one of A‖B is the one of A, shifted by
// B's length, xor the one of B, so that those of two ends give the one of what lies between them: Mark Adler's
// crc32_combine in zlib. The zero sums are good for any
// one file.
type sums struct {
	base  int64
	pages []uint32
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// of gives the CRC32C of n bytes at an offset of the file, at most wire.MaxSealed. What the window gave before
// is good no more.
func (s *sums) of(w *window, off int64, n int) uint32 {
	if len(s.pages) == 0 || off < s.base || off > s.end() {
		s.base, s.pages = off, append(s.pages[:0], 0)
	}
	for s.end()+pageSize <= off+int64(n) {
		s.pages = append(s.pages, crc32.Update(s.pages[len(s.pages)-1], castagnoli, w.at(s.end(), pageSize)))
	}
	return s.upTo(w, off+int64(n)) ^ shifted(s.upTo(w, off), n)
}

// end is up to where the pages are known.
func (s *sums) end() int64 { return s.base + int64(len(s.pages)-1)*pageSize }

// upTo gives the checksum of all from the base to an offset, which is less than a page beyond the end at most.
func (s *sums) upTo(w *window, off int64) uint32 {
	page := (off - s.base) / pageSize
	from := s.base + page*pageSize
	return crc32.Update(s.pages[page], castagnoli, w.at(from, int(off-from)))
}

// shifted gives what a checksum becomes by n zero bytes, without the inversions at both ends:
// its polynomial times x^8n.
func shifted(sum uint32, n int) uint32 {
	for i := 0; n > 0; i, n = i+1, n>>1 {
		if n&1 != 0 {
			sum = times(powers[i], sum)
		}
	}
	return sum
}

// powers are x^8, x^16, x^32 …: as many as the bits of the longest batch's length.
var powers = func() (p [22]uint32) {
	p[0] = 1 << 23 // the highest bit is x^0
	for i := 1; i < len(p); i++ {
		p[i] = times(p[i-1], p[i-1])
	}
	return p
}()

// times multiplies two polynomials modulo the one of CRC32C.
func times(a, b uint32) (product uint32) {
	for ; a != 0; a <<= 1 {
		if a&(1<<31) != 0 {
			product ^= b
		}
		b = b>>1 ^ crc32.Castagnoli&-(b&1)
	}
	return product
}
