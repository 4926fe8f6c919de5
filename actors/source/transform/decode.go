package transform

// Decode takes a message apart as a spec's parse says: its values as programs see them, up to most; what can't be read is
// left out. contentType is that of the answer, empty where there is none.
func Decode(how string, message []byte, contentType string, most int) []any {
	var values []any
	parsing{
		each: func(v *value, _ []byte) bool {
			if decoded, err := v.any(); err == nil {
				values = append(values, decoded)
			}
			return len(values) < most
		},
		failed: func([]byte, error) bool { return true },
	}.run(how, message, contentType)
	return values
}
