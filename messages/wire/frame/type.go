package frame

import "fmt"

// names are the types in words, by number.
var names = [...]string{
	TypeHello: "hello", TypePush: "push", TypeHave: "have", TypeAsk: "ask", TypeAnswer: "answer",
	TypePull: "pull", TypeEnd: "end", TypeGraft: "graft", TypePrune: "prune", TypeDigest: "digest",
	TypeRegistry: "registry", TypeStatus: "status", TypePing: "ping", TypePong: "pong", TypeBye: "bye",
	TypeVersions: "versions",
}

// String is the type's name, as in logs and metrics; of one that this version does not know its number.
func (t Type) String() string {
	if int(t) < len(names) && names[t] != "" {
		return names[t]
	}
	return fmt.Sprintf("type %d", uint8(t))
}

// Type implements Frame.
func (*Hello) Type() Type { return TypeHello }

// Type implements Frame.
func (*Push) Type() Type { return TypePush }

// Type implements Frame.
func (*Have) Type() Type { return TypeHave }

// Type implements Frame.
func (*Ask) Type() Type { return TypeAsk }

// Type implements Frame.
func (*Answer) Type() Type { return TypeAnswer }

// Type implements Frame.
func (*Pull) Type() Type { return TypePull }

// Type implements Frame.
func (*End) Type() Type { return TypeEnd }

// Type implements Frame.
func (*Graft) Type() Type { return TypeGraft }

// Type implements Frame.
func (*Prune) Type() Type { return TypePrune }

// Type implements Frame.
func (*Digest) Type() Type { return TypeDigest }

// Type implements Frame.
func (*Registry) Type() Type { return TypeRegistry }

// Type implements Frame.
func (*Status) Type() Type { return TypeStatus }

// Type implements Frame.
func (*Ping) Type() Type { return TypePing }

// Type implements Frame.
func (*Pong) Type() Type { return TypePong }

// Type implements Frame.
func (*Bye) Type() Type { return TypeBye }

// Type implements Frame.
func (*Versions) Type() Type { return TypeVersions }

// empty is a frame of the type to be read into; nil where this version does not know it.
func (t Type) empty() Frame {
	switch t {
	case TypeHello:
		return new(Hello)
	case TypePush:
		return new(Push)
	case TypeHave:
		return new(Have)
	case TypeAsk:
		return new(Ask)
	case TypeAnswer:
		return new(Answer)
	case TypePull:
		return new(Pull)
	case TypeEnd:
		return new(End)
	case TypeGraft:
		return new(Graft)
	case TypePrune:
		return new(Prune)
	case TypeDigest:
		return new(Digest)
	case TypeRegistry:
		return new(Registry)
	case TypeStatus:
		return new(Status)
	case TypePing:
		return new(Ping)
	case TypePong:
		return new(Pong)
	case TypeBye:
		return new(Bye)
	case TypeVersions:
		return new(Versions)
	}
	return nil
}
