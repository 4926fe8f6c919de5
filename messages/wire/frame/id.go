package frame

import "anode/messages"

// A NodeID stands on a link as one byte that says how, and:
//
//	0          nothing: no node
//	1 … 127    that many bytes: its text
//	0x90       16 bytes: those of which the text is the base32 (a-z, 2-7), as almost all are
//
// Each NodeID has one form: what can be packed is packed.
const (
	idPacked = 0x80 | idBytes
	idBytes  = 16
	idText   = 26

	// noDigit is the value of what is no digit of base32.
	noDigit = 0xff
)

const alphabet = "abcdefghijklmnopqrstuvwxyz234567"

// digits are the values of base32's digits, by character.
var digits = func() (table [256]uint8) {
	for i := range table {
		table[i] = noDigit
	}
	for i := range len(alphabet) {
		table[alphabet[i]] = uint8(i)
	}
	return table
}()

// packable tells whether an id is the base32 of 16 bytes. The last digit then has two bits too many: zeros.
func packable(id messages.NodeID) bool {
	if len(id) != idText {
		return false
	}
	var all uint8
	for i := range idText {
		all |= digits[id[i]]
	}
	return all < 32 && digits[id[idText-1]]&3 == 0
}

func sizeID(id messages.NodeID) int {
	if packable(id) {
		return 1 + idBytes
	}
	return 1 + len(id)
}

func appendID(dst []byte, id messages.NodeID) []byte {
	if !packable(id) {
		return append(append(dst, byte(len(id))), id...)
	}
	dst = append(dst, idPacked)
	const whole = idText &^ 7 // eight digits are five bytes
	for i := 0; i < whole; i += 8 {
		var v uint64
		for j := range 8 {
			v = v<<5 | uint64(digits[id[i+j]])
		}
		dst = append(dst, byte(v>>32), byte(v>>24), byte(v>>16), byte(v>>8), byte(v))
	}
	return append(dst, digits[id[whole]]<<3|digits[id[whole+1]]>>2)
}

// unpack gives the id of 16 bytes.
func unpack(b []byte) messages.NodeID {
	var text [idText]byte
	var v uint64
	at, bits := 0, 0
	for _, c := range b {
		v, bits = v<<8|uint64(c), bits+8
		for ; bits >= 5; at++ {
			bits -= 5
			text[at] = alphabet[v>>bits&31]
		}
	}
	text[at] = alphabet[v<<(5-bits)&31]
	return messages.NodeID(text[:])
}
