package frame

// Type implements Frame.
func (*Hello) Type() Type    { return TypeHello }
func (*Push) Type() Type     { return TypePush }
func (*Have) Type() Type     { return TypeHave }
func (*Ask) Type() Type      { return TypeAsk }
func (*Answer) Type() Type   { return TypeAnswer }
func (*Pull) Type() Type     { return TypePull }
func (*End) Type() Type      { return TypeEnd }
func (*Graft) Type() Type    { return TypeGraft }
func (*Prune) Type() Type    { return TypePrune }
func (*Digest) Type() Type   { return TypeDigest }
func (*Registry) Type() Type { return TypeRegistry }
func (*Status) Type() Type   { return TypeStatus }
func (*Ping) Type() Type     { return TypePing }
func (*Pong) Type() Type     { return TypePong }
func (*Bye) Type() Type      { return TypeBye }

const head = 5

func (f *Hello) Size() int  { return head + 128 }
func (f *Push) Size() int   { return head + 2 + len(f.Batch.Bytes()) }
func (f *Have) Size() int   { return head + 2 + 48*len(f.Flows) }
func (f *Ask) Size() int    { return head + 8 + len(f.Body) }
func (f *Answer) Size() int { return head + 9 + len(f.Body) }
func (f *Pull) Size() int   { return head + 40 + 8*len(f.Ranges) }
func (f *End) Size() int    { return head + 8 + 8*len(f.NotHeld) }
func (*Graft) Size() int    { return head + 25 }
func (*Prune) Size() int    { return head + 25 }
func (f *Digest) Size() int {
	n := head + 20 + 12*len(f.Days) + 4*len(f.Want)
	for i := range f.Latest {
		n += 48 + 8*len(f.Latest[i].Holes)
	}
	for i := range f.Closed {
		n += 48 + 8*len(f.Closed[i].Holes)
	}
	return n
}
func (f *Registry) Size() int {
	n := head + 4 + 8*len(f.Hashes)
	for i := range f.Events {
		n += 48 + len(f.Events[i].Body)
	}
	return n
}
func (f *Status) Size() int {
	n := head + 2
	for i := range f.Records {
		n += 48 + len(f.Records[i].Body)
	}
	return n
}
func (*Ping) Size() int  { return head + 16 }
func (*Pong) Size() int  { return head + 16 }
func (f *Bye) Size() int { return head + 1 + len(f.Reason) }
