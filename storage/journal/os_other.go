//go:build !linux

package journal

func (osFS) Free(string) (free, total int64, err error) { return -1, -1, nil }

// Preallocate does nothing here: a full disk shows at the write.
func (osFile) Preallocate(int64) error { return nil }
