package document

import (
	"bytes"
	_ "embed"
)

//go:embed openapi.json
var openAPI []byte

//go:embed asyncapi.json
var asyncAPI []byte

// OpenAPI is the OpenAPI 3.1 document of every route.
func OpenAPI() []byte { return bytes.Clone(openAPI) }

// AsyncAPI is the AsyncAPI 3 document of the WebSocket protocol.
func AsyncAPI() []byte { return bytes.Clone(asyncAPI) }
