package api

import (
	"encoding/base64"
	"maps"
	"net/http"
	"net/url"
	"strconv"

	"github.com/labstack/echo/v4"

	"anode/gateway/problem"
)

// page is what a request asks for of a list, where it began or where it goes on.
type page struct {
	limit int
	// params are the other parameters, as the walk began with them.
	params url.Values
	// token is what the page before gave; nil at the beginning.
	token url.Values
	// of is the path of the list.
	of string
}

// readPage reads ?limit= and ?page=, which carries the other parameters: one that is given beside
// it must be the same.
func readPage(c echo.Context, otherwise, most int, names ...string) (page, error) {
	p := page{params: url.Values{}, of: c.Request().URL.Path}
	for _, name := range names {
		if value := c.QueryParam(name); value != "" {
			p.params.Set(name, value)
		}
	}
	limit := c.QueryParam("limit")
	if text := c.QueryParam("page"); text != "" {
		token, err := decodePage(text)
		if err != nil {
			return p, err
		}
		if p.token = token; token.Get("of") != p.of {
			return p, problem.New(http.StatusUnprocessableEntity, "invalid_page", "page is of another list than %s", clip(p.of))
		}
		for _, name := range names {
			if given := p.params.Get(name); given != "" && given != token.Get(name) {
				return p, problem.New(http.StatusUnprocessableEntity, "invalid_page", "page goes on with %s=%q, and the request says %q", name, clip(token.Get(name)), clip(given))
			}
			if p.params.Del(name); token.Get(name) != "" {
				p.params.Set(name, token.Get(name))
			}
		}
		if limit == "" {
			limit = token.Get("limit")
		}
	}
	var err error
	p.limit, err = parseLimit(limit, otherwise, most)
	return p, err
}

// next is the token of the page after this one; at says where it begins.
func (p page) next(at url.Values) string {
	maps.Copy(at, p.params)
	at.Set("of", p.of)
	if p.limit > 0 {
		at.Set("limit", strconv.Itoa(p.limit))
	}
	return base64.RawURLEncoding.EncodeToString([]byte(at.Encode()))
}

// decodePage reads a token. It has each of its values once.
func decodePage(token string) (url.Values, error) {
	text, err := base64.RawURLEncoding.DecodeString(token)
	var values url.Values
	if err == nil {
		values, err = url.ParseQuery(string(text))
	}
	if err != nil || len(values) == 0 {
		return nil, notPage()
	}
	return values, nil
}

func notPage() *problem.Problem {
	return problem.New(http.StatusUnprocessableEntity, "invalid_page", "page is not a token that this API gave")
}

// parseLimit reads a limit: at least 1, cut to the most.
func parseLimit(text string, otherwise, most int) (int, error) {
	if text == "" {
		return otherwise, nil
	}
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil || n < 1 {
		return 0, problem.New(http.StatusUnprocessableEntity, "invalid_limit", "limit %q is no number from 1 to %d", clip(text), most)
	}
	return int(min(n, uint64(most))), nil
}
