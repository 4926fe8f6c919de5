//go:build !unix

package demo

import (
	"errors"
	"os"
)

// pollable tells that keys can't be read here without blocking: Ctrl-C ends the demo.
const pollable = false

func waitFor(*os.File) (bool, error) { return false, errors.ErrUnsupported }
