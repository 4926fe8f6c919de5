package api

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"

	"github.com/labstack/echo/v4"

	"anode/gateway/problem"
	"anode/messages/command"
	"anode/messages/spec"
)

func (s *server) postSource(c echo.Context) error { return s.put(c, command.PutSource{}) }

func (s *server) putSource(c echo.Context) error {
	return s.put(c, command.PutSource{Name: param(c, "name"), Replace: true, IfMatch: ifMatch(c)})
}

func (s *server) put(c echo.Context, put command.PutSource) error {
	var err error
	if put.Document, put.YAML, err = readSpec(c.Request()); err != nil {
		return err
	}
	done, err := command.Ask(c.Request().Context(), s.Node, put)
	if err != nil {
		return err
	}
	status := http.StatusOK
	if done.Created {
		status = http.StatusCreated
		c.Response().Header().Set("Location", prefix+"/sources/"+url.PathEscape(done.Source.Name))
	}
	return sendSource(c, status, done.Source)
}

// verdict is what is said of a spec that was sent to be checked. What is wrong with it is the answer, and no error.
type verdict struct {
	Valid bool `json:"valid"`
	*command.SourceChecked
	Errors []problem.Fault `json:"errors"`
}

// checkSource names the faults of a spec, for editors: nothing is stored, and nothing is run.
func (s *server) checkSource(c echo.Context) error {
	document, yaml, err := readSpec(c.Request())
	if err == nil {
		var checked command.SourceChecked
		if checked, err = command.Ask(c.Request().Context(), s.Node, command.CheckSource{Document: document, YAML: yaml}); err == nil {
			return c.JSON(http.StatusOK, verdict{Valid: true, SourceChecked: &checked, Errors: []problem.Fault{}})
		}
	}
	var faults spec.Faults
	var known *problem.Problem
	var told []problem.Fault
	switch {
	case errors.As(err, &faults):
		for _, f := range faults {
			told = append(told, problem.Fault(f))
		}
	case errors.As(err, &known) && known.Code == "bad_json":
		told = append(told, problem.Fault{Message: known.Detail})
	default:
		return err
	}
	return c.JSON(http.StatusOK, verdict{Errors: told})
}

// readSpec reads the document of a source, JSON or YAML.
func readSpec(r *http.Request) (document []byte, yaml bool, err error) {
	kind, _, err := mediaType(r)
	if err != nil {
		return nil, false, err
	}
	switch kind {
	case echo.MIMEApplicationJSON:
	case "application/yaml", "application/x-yaml", "text/yaml":
		yaml = true
	default:
		return nil, false, problem.New(http.StatusUnsupportedMediaType, "unsupported_media_type",
			"Content-Type %q: a source is application/json or application/yaml", clip(kind))
	}
	document, err = io.ReadAll(io.LimitReader(r.Body, spec.MaxDocument+1))
	if err != nil {
		return nil, false, badBody(err)
	}
	if len(document) > spec.MaxDocument {
		return nil, false, problem.New(http.StatusRequestEntityTooLarge, "too_large", "the spec is above %d bytes", spec.MaxDocument)
	}
	if !yaml {
		if err := checkJSON(document); err != nil {
			return nil, false, err
		}
	}
	return document, yaml, nil
}

// checkJSON refuses a body that is not one JSON value.
func checkJSON(body []byte) error {
	var raw json.RawMessage
	if err := json.Unmarshal(body, &raw); err != nil {
		return problem.New(http.StatusBadRequest, "bad_json", "the body is not JSON: %v", err)
	}
	return nil
}

// ifMatch are the versions of If-Match headers, quoted or not, with commas between; "*" where any is meant.
func ifMatch(c echo.Context) string {
	var versions []string
	for _, line := range c.Request().Header.Values("If-Match") {
		for part := range strings.SplitSeq(line, ",") {
			part = strings.TrimPrefix(strings.TrimSpace(part), "W/")
			if len(part) >= 2 && part[0] == '"' && part[len(part)-1] == '"' {
				part = part[1 : len(part)-1]
			}
			if part == "*" {
				return part
			}
			if part != "" {
				versions = append(versions, part)
			}
		}
	}
	return strings.Join(versions, ",")
}

func (s *server) listSources(c echo.Context) error {
	p, err := readPage(c, listLimit, maxListLimit)
	if err != nil {
		return err
	}
	views, err := command.Ask(c.Request().Context(), s.Node, command.ListSources{})
	if err != nil {
		return err
	}
	return sendList(c, p, views, func(v command.SourceView) string { return v.Name })
}

func (s *server) getSource(c echo.Context) error {
	return s.source(c, command.GetSource{Name: param(c, "name")})
}

func (s *server) pauseSource(c echo.Context) error {
	return s.source(c, command.PauseSource{Name: param(c, "name")})
}

func (s *server) resumeSource(c echo.Context) error {
	return s.source(c, command.PauseSource{Name: param(c, "name"), Resume: true})
}

func (s *server) restartSource(c echo.Context) error {
	return s.source(c, command.RestartSource{Name: param(c, "name")})
}

func (s *server) source(c echo.Context, question command.Question[command.SourceView]) error {
	view, err := command.Ask(c.Request().Context(), s.Node, question)
	if err != nil {
		return err
	}
	return sendSource(c, http.StatusOK, view)
}

func (s *server) deleteSource(c echo.Context) error {
	_, err := command.Ask(c.Request().Context(), s.Node, command.RemoveSource{Name: param(c, "name"), IfMatch: ifMatch(c)})
	if err != nil {
		return err
	}
	return c.NoContent(http.StatusNoContent)
}

func sendSource(c echo.Context, status int, view command.SourceView) error {
	c.Response().Header().Set("ETag", `"`+view.Version+`"`)
	return c.JSON(status, view)
}

// badBody is what reading a body failed with: too large, too slow, or cut by the client.
func badBody(err error) error {
	var tooLarge *http.MaxBytesError
	var known *problem.Problem
	switch {
	case errors.As(err, &tooLarge), errors.As(err, &known):
		return err
	case errors.Is(err, os.ErrDeadlineExceeded):
		return problem.New(http.StatusRequestTimeout, "timeout", "the body did not arrive in time")
	}
	return problem.New(http.StatusBadRequest, "bad_body", "the body could not be read: %v", err)
}
