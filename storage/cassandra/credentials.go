package cassandra

import (
	"errors"
	"fmt"
	"os"
	"strings"
)

// credentials are what a server is told. They have no String on purpose, and stand in no error.
type credentials struct{ user, password string }

// readCredentials reads a file; no file is no credentials.
func readCredentials(file string) (credentials, error) {
	if file == "" {
		return credentials{}, nil
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return credentials{}, fmt.Errorf("credentials: %w", err)
	}
	c, err := parseCredentials(string(text))
	if err != nil {
		return credentials{}, fmt.Errorf("credentials in %s: %w", file, err)
	}
	return c, nil
}

// parseCredentials reads the lines "user: NAME" and "password: PASSWORD", or one line NAME:PASSWORD. Empty lines and lines that begin
// with '#' say nothing. A password is all behind the colon, without the blanks around it.
func parseCredentials(text string) (c credentials, err error) {
	var lines []string
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
			lines = append(lines, line)
		}
	}
	wrong := errors.New(`the form is a line "user: NAME" and a line "password: PASSWORD", or one line NAME:PASSWORD`)
	if len(lines) == 0 || len(lines) > 2 {
		return c, wrong
	}
	for _, line := range lines {
		name, value, found := strings.Cut(line, ":")
		switch value = strings.TrimSpace(value); {
		case !found:
			return credentials{}, wrong
		case len(lines) == 1:
			c.user, c.password = strings.TrimSpace(name), value
		case name == "user" && c.user == "":
			c.user = value
		case name == "password" && c.password == "":
			c.password = value
		default:
			return credentials{}, wrong
		}
	}
	if c.user == "" || c.password == "" {
		return credentials{}, wrong
	}
	return c, nil
}
