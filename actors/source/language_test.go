package source_test

import (
	"anode/actors/source"
	"anode/actors/source/transform"
)

func language() transform.Language { return source.Literal{} }
