package hub

import "time"

const (
	// filterWindow is the time that the cost of filters is counted over.
	filterWindow = time.Second
	// mostFilters is how much of a window a loop gives to filters before it looks at who takes it.
	mostFilters = filterWindow / 4
	// fairFilter is what a filter may take of a window in any case.
	fairFilter = 5 * time.Millisecond
)

// filterTime counts what filters take of a loop's time, by their text. Only the loop uses it.
type filterTime struct {
	began time.Time
	spent time.Duration
	texts map[string]*textTime
}

// textTime is what one filter took of this window and of the one before.
type textTime struct{ now, before time.Duration }

// charge notes what a filter took.
func (t *filterTime) charge(text string, took time.Duration, now time.Time) {
	t.roll(now)
	t.spent += took
	one := t.texts[text]
	if one == nil {
		if t.texts == nil {
			t.texts = make(map[string]*textTime)
		}
		one = &textTime{}
		t.texts[text] = one
	}
	one.now += took
}

// roll begins a new window when it is time, and forgets filters that took nothing of the last.
func (t *filterTime) roll(now time.Time) {
	if now.Sub(t.began) < filterWindow {
		return
	}
	t.began, t.spent = now, 0
	for text, one := range t.texts {
		if one.now == 0 {
			delete(t.texts, text)
			continue
		}
		one.before, one.now = one.now, 0
	}
}

// refuses tells whether there is no time for a filter in this window: all together took much of it, and
// this one takes more than its share, or what it takes is not known yet.
func (t *filterTime) refuses(text string) bool {
	if t.spent <= mostFilters {
		return false
	}
	if t.roll(time.Now()); t.spent <= mostFilters {
		return false
	}
	one := t.texts[text]
	return one == nil || max(one.now, one.before) > fairFilter
}
