// Package node puts the actors of one node together and starts them:
//
//	node
//	├── hub            encodes once, delivers to all
//	├── journal        the single writer
//	├── registry       event-sourced source specs
//	├── sources        one child a source
//	├── subscribers    one child a session
//	└── status         what people see of all of it
//
// It is the only package that imports its siblings. To the gateway a Node is two things: an
// Asker, that routes each question to the actor that answers it, and an Intake.
package node
