package api

import (
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/labstack/echo/v4"
)

// The bounds of ?limit= on lists.
const (
	listLimit    = 1000
	maxListLimit = 10_000
)

// list is a list's answer: what is asked for, and how to go on.
type list[T any] struct {
	Items []T    `json:"items"`
	Next  string `json:"next,omitempty"`
}

// sendList sends the part of a list that was asked for, in order of a key that tells its
// items apart.
func sendList[T any](c echo.Context, p page, items []T, key func(T) string) error {
	slices.SortFunc(items, func(a, b T) int { return strings.Compare(key(a), key(b)) })
	first := 0
	if after := p.token.Get("after"); after != "" {
		first, _ = slices.BinarySearchFunc(items, after, func(item T, after string) int {
			if key(item) <= after {
				return -1
			}
			return 1
		})
	}
	out := list[T]{Items: items[first:min(first+p.limit, len(items))]}
	if out.Items == nil {
		out.Items = []T{}
	}
	if first+p.limit < len(items) {
		out.Next = p.next(url.Values{"after": {key(out.Items[len(out.Items)-1])}})
	}
	return c.JSON(http.StatusOK, out)
}
