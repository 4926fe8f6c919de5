package source_test

import (
	"anode/actors/expr"
	"anode/actors/source"
	"anode/actors/source/transform"
)

func language() transform.Language { return source.Language(expr.NewEngine(expr.EngineConfig{})) }
