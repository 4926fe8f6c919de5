package member

import (
	"cmp"
	"maps"
	"slices"
	"sync"
	"time"
)

// Problem is what keeps nodes apart, in words.
type Problem struct {
	// About is the seed or address that it is about.
	About string
	// Reason says what is wrong, Hint what to do.
	Reason, Hint string
	Since        time.Time
}

// AboutSeed begins what a Problem with a seed is about.
const AboutSeed = "seed "

// notices are the problems there are now.
type notices struct {
	clock func() time.Time

	mu   sync.Mutex         // guards all, and is a leaf
	list map[string]*notice // by key: what it is about, and of strangers in which way they are wrong
}

type notice struct {
	Problem
	passing      bool // it is over when it does not recur
	alone        bool // it is over when the node is not alone
	last, logged time.Time
}

// logEvery is how often a problem that stays is logged.
const logEvery = 10 * time.Minute

func newNotices(clock func() time.Time) *notices {
	return &notices{clock: clock, list: make(map[string]*notice)}
}

// put reports a problem, instead of what was reported under the same key before. changed tells whether it is new, log whether it
// is time to log it.
func (n *notices) put(key, about, reason, hint string, passing bool) (changed, log bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	now := n.clock()
	is := n.list[key]
	if is == nil {
		if passing && n.passing() >= maxPassing {
			return false, false
		}
		is = &notice{passing: passing}
		n.list[key] = is
	}
	is.last = now
	if is.Reason != reason {
		is.Problem = Problem{About: about, Reason: reason, Hint: hint, Since: now}
		if !passing { // what a stranger says may be another thing each time
			is.logged = time.Time{}
		}
		changed = true
	}
	if now.Sub(is.logged).Abs() < logEvery {
		return changed, false
	}
	is.logged = now
	return changed, true
}

// logAgain makes it time to log a problem again at a time, though it was logged just now.
func (n *notices) logAgain(key string, at time.Time) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if is := n.list[key]; is != nil {
		is.logged = at.Add(-logEvery)
	}
}

func (n *notices) passing() int {
	count := 0
	for _, is := range n.list {
		if is.passing {
			count++
		}
	}
	return count
}

// solve takes a problem back, and tells whether there was one.
func (n *notices) solve(about string) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	_, was := n.list[about]
	delete(n.list, about)
	return was
}

// whileAlone tells whether a problem ends as soon as the node has company, however it came by it.
func (n *notices) whileAlone(about string, ends bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if is := n.list[about]; is != nil {
		is.alone = ends
	}
}

// company takes back what is wrong only with who is alone, and tells whether there was any.
func (n *notices) company() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	before := len(n.list)
	maps.DeleteFunc(n.list, func(_ string, is *notice) bool { return is.alone })
	return len(n.list) < before
}

// expire forgets what was passing and did not recur, and tells whether there were any.
func (n *notices) expire() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	now, some := n.clock(), false
	for about, is := range n.list {
		if is.passing && now.Sub(is.last).Abs() > passingAge {
			delete(n.list, about)
			some = true
		}
	}
	return some
}

// problems are all, by what they are about.
func (n *notices) problems() []Problem {
	n.mu.Lock()
	defer n.mu.Unlock()
	list := make([]Problem, 0, len(n.list))
	for _, is := range n.list {
		list = append(list, is.Problem)
	}
	slices.SortFunc(list, func(a, b Problem) int { return cmp.Compare(a.About, b.About) })
	return list
}
