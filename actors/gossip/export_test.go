package gossip

// Asked is how many questions of this node went over a link, and wait for an answer.
func (g *Gossip) Asked() (n int) {
	l := g.loop.Load()
	seen := make(chan int, 1)
	if l == nil || !l.call(func() {
		sent := 0
		for _, a := range l.asked {
			if a.sent != nil {
				sent++
			}
		}
		seen <- sent
	}) {
		return 0
	}
	return <-seen
}

// Answering is how many questions are being answered.
func (g *Gossip) Answering() int {
	l := g.loop.Load()
	seen := make(chan int, 1)
	if l == nil || !l.call(func() {
		open := 0
		for _, all := range g.answers {
			open += len(all.open)
		}
		seen <- open
	}) {
		return 0
	}
	return <-seen
}
