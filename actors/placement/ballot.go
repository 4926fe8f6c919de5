package placement

// ballot keeps the electors with the highest weights for one source. It lives on the stack.
type ballot struct {
	source  uint64
	most, n int
	weights [MaxRedundancy]uint64
	at      [MaxRedundancy]int32
}

// offer takes electors in that are among the best. They may come in any order: of equal weights the lower id, which
// is the lower index, is the better.
func (b *ballot) offer(list ...elector) {
	if b.most == 0 {
		return
	}
	least := b.least()
	for _, e := range list {
		if w := weight(b.source, e.key); w >= least {
			b.insert(w, e.at)
			least = b.least()
		}
	}
}

// least is the weight below which nobody is taken in.
func (b *ballot) least() uint64 {
	if b.n < b.most {
		return 0
	}
	return b.weights[b.n-1]
}

func (b *ballot) beats(w uint64, at int32, place int) bool {
	return w > b.weights[place] || w == b.weights[place] && at < b.at[place]
}

func (b *ballot) insert(w uint64, at int32) {
	if b.n == b.most && !b.beats(w, at, b.n-1) {
		return
	}
	if b.n < b.most {
		b.n++
	}
	place := b.n - 1
	for ; place > 0 && b.beats(w, at, place-1); place-- {
		b.weights[place], b.at[place] = b.weights[place-1], b.at[place-1]
	}
	b.weights[place], b.at[place] = w, at
}

// read writes the best, in order, and -1 behind them.
func (b *ballot) read(seats []int32) {
	copy(seats, b.at[:b.n])
	for i := b.n; i < len(seats); i++ {
		seats[i] = -1
	}
}
