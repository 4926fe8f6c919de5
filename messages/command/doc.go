// Package command is what the parts of a node say to each other: questions with the
// type of their answer, messages without one, and the views that answers are made of.
//
// Nobody here acts. The gateway asks and tells a node, which routes by type to the
// actor that answers; an actor tells another one what it must know. All values are
// immutable once sent.
//
//	gateway ──Question[A]──▶ node ──▶ actor          answer A or error
//	source, gateway ──Submission──▶ journal          Done(outcomes), once
//	journal ──Stored──▶ hub                          wake-up with the batches
//	hub ──bytes──▶ Outlet                            the gateway's end of a connection
package command
