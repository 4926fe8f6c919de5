package frame

const answerLast = 1

// Size implements Frame.
func (f *Ask) Size() int { return head + sizeUint(f.ID) + sizeBytes(f.Body) }

func (f *Ask) appendBody(dst []byte) []byte { return appendBytes(appendUint(dst, f.ID), f.Body) }

func (f *Ask) readBody(d decoder) error {
	f.ID, f.Body = d.uint(), d.bytes()
	return d.err
}

func (*Ask) check() error { return nil }

// Size implements Frame.
func (f *Answer) Size() int { return head + 1 + sizeUint(f.ID) + sizeBytes(f.Body) }

func (f *Answer) appendBody(dst []byte) []byte {
	return appendBytes(appendUint(append(dst, flags(f.Last)), f.ID), f.Body)
}

func (f *Answer) readBody(d decoder) error {
	f.Last = d.byte()&answerLast != 0
	f.ID, f.Body = d.uint(), d.bytes()
	return d.err
}

func (*Answer) check() error { return nil }
