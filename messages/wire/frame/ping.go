package frame

// Size implements Frame.
func (*Ping) Size() int { return head + 2*sizeFixed }

func (f *Ping) appendBody(dst []byte) []byte {
	return appendFixed(appendFixed(dst, f.Nonce), uint64(f.Time))
}

func (f *Ping) readBody(d decoder) error {
	f.Nonce, f.Time = d.fixed(), int64(d.fixed())
	return d.err
}

func (*Ping) check() error { return nil }

// Size implements Frame.
func (*Pong) Size() int { return head + 2*sizeFixed }

func (f *Pong) appendBody(dst []byte) []byte {
	return appendFixed(appendFixed(dst, f.Nonce), uint64(f.Time))
}

func (f *Pong) readBody(d decoder) error {
	f.Nonce, f.Time = d.fixed(), int64(d.fixed())
	return d.err
}

func (*Pong) check() error { return nil }

// Size implements Frame.
func (f *Bye) Size() int { return head + sizeBytes(f.Reason) }

func (f *Bye) appendBody(dst []byte) []byte { return appendBytes(dst, f.Reason) }

func (f *Bye) readBody(d decoder) error {
	f.Reason = d.text()
	return d.err
}

func (f *Bye) check() error { return checkText(f.Reason) }
