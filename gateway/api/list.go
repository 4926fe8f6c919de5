package api

import (
	"encoding/base64"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/labstack/echo/v4"

	"anode/gateway/problem"
)

// The bounds of ?limit= on lists.
const (
	listLimit    = 1000
	maxListLimit = 10_000
)

// page is a list's answer: what is asked for, and how to go on.
type page[T any] struct {
	Items []T    `json:"items"`
	Next  string `json:"next,omitempty"`
}

// sendList sends the part of a list that was asked for, in order of a key that tells its
// items apart.
func sendList[T any](c echo.Context, items []T, key func(T) string) error {
	limit, after, err := listParams(c)
	if err != nil {
		return err
	}
	slices.SortFunc(items, func(a, b T) int { return strings.Compare(key(a), key(b)) })
	first := 0
	if after != "" {
		first, _ = slices.BinarySearchFunc(items, after, func(item T, after string) int {
			if key(item) <= after {
				return -1
			}
			return 1
		})
	}
	out := page[T]{Items: items[first:min(first+limit, len(items))]}
	if out.Items == nil {
		out.Items = []T{}
	}
	if first+limit < len(items) {
		out.Next = encodePage(url.Values{
			"limit": {strconv.Itoa(limit)}, "after": {key(out.Items[len(out.Items)-1])}, "match": {c.QueryParam("match")},
		})
	}
	return c.JSON(http.StatusOK, out)
}

// listParams reads ?limit= and ?page=, which carries the other parameters.
func listParams(c echo.Context) (limit int, after string, err error) {
	text := c.QueryParam("limit")
	if token := c.QueryParam("page"); token != "" {
		values, err := decodePage(token)
		if err != nil {
			return 0, "", err
		}
		text, after = values.Get("limit"), values.Get("after")
	}
	limit, err = parseLimit(text, listLimit, maxListLimit)
	return limit, after, err
}

// parseLimit reads a limit: at least 1, cut to the most.
func parseLimit(text string, otherwise, most int) (int, error) {
	if text == "" {
		return otherwise, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		return 0, problem.New(http.StatusUnprocessableEntity, "invalid_limit", "limit %q is no number from 1 to %d", text, most)
	}
	return min(n, most), nil
}

func encodePage(values url.Values) string {
	return base64.RawURLEncoding.EncodeToString([]byte(values.Encode()))
}

func decodePage(token string) (url.Values, error) {
	bad := problem.New(http.StatusUnprocessableEntity, "invalid_page", "page is not a token that this API gave")
	text, err := base64.RawURLEncoding.DecodeString(token)
	if err != nil {
		return nil, bad
	}
	values, err := url.ParseQuery(string(text))
	if err != nil {
		return nil, bad
	}
	return values, nil
}
