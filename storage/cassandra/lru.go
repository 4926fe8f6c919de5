package cassandra

import "container/list"

// lru keeps the values that were used last, at most size. It is not safe for many at once.
type lru[K comparable, V any] struct {
	size  int
	order *list.List
	items map[K]*list.Element
}

type lruItem[K comparable, V any] struct {
	key   K
	value V
}

func newLRU[K comparable, V any](size int) *lru[K, V] {
	return &lru[K, V]{size, list.New(), make(map[K]*list.Element)}
}

// get gives what stands under a key.
func (l *lru[K, V]) get(key K) (value V, ok bool) {
	at, ok := l.items[key]
	if !ok {
		return value, false
	}
	l.order.MoveToFront(at)
	return at.Value.(*lruItem[K, V]).value, true
}

// put sets it; what was used longest ago goes.
func (l *lru[K, V]) put(key K, value V) {
	if at, ok := l.items[key]; ok {
		at.Value.(*lruItem[K, V]).value = value
		l.order.MoveToFront(at)
		return
	}
	l.items[key] = l.order.PushFront(&lruItem[K, V]{key, value})
	if l.order.Len() > l.size {
		last := l.order.Back()
		l.order.Remove(last)
		delete(l.items, last.Value.(*lruItem[K, V]).key)
	}
}
