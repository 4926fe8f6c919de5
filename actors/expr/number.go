package expr

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/big"
	"strconv"
	"strings"
)

const (
	// maxDigits is the longest number, in bytes: arithmetic on longer ones is not linear.
	maxDigits = 1000
	// maxBits bounds whole numbers that multiplication makes; larger ones become floats.
	maxBits = 4096
)

// number is a jq number: a whole one that fits, a float, or a large whole one.
type number struct {
	kind numberKind
	i    int
	f    float64
	b    *big.Int
}

type numberKind byte

const (
	whole numberKind = iota
	float
	large
)

// parseNumber reads a number's text as jq does: whole where it can be.
func parseNumber(text string) number {
	if i, err := strconv.Atoi(text); err == nil {
		return number{i: i}
	}
	if strings.ContainsAny(text, ".eE") {
		if f, err := strconv.ParseFloat(text, 64); err == nil {
			return number{kind: float, f: f}
		}
	} else if b, ok := new(big.Int).SetString(text, 10); ok {
		return number{kind: large, b: b}
	}
	if strings.HasPrefix(text, "-") {
		return number{kind: float, f: math.Inf(-1)}
	}
	return number{kind: float, f: math.Inf(1)}
}

// numberOf reads a jq value that is a number.
func numberOf(v any) (number, bool) {
	switch v := v.(type) {
	case int:
		return number{i: v}, true
	case float64:
		return number{kind: float, f: v}, true
	case *big.Int:
		return number{kind: large, b: v}, true
	case json.Number:
		return parseNumber(string(v)), true
	}
	return number{}, false
}

func (n number) value() any {
	switch n.kind {
	case whole:
		return n.i
	case float:
		return n.f
	}
	return n.b
}

func (n number) float() float64 {
	switch n.kind {
	case whole:
		return float64(n.i)
	case float:
		return n.f
	}
	f, _ := strconv.ParseFloat(n.b.String(), 64) // out of range gives an infinity
	return f
}

func (n number) big() *big.Int {
	if n.kind == whole {
		return big.NewInt(int64(n.i))
	}
	return n.b
}

// toInt truncates as jq does for indexes.
func (n number) toInt() int {
	switch n.kind {
	case whole:
		return n.i
	case float:
		if math.MinInt <= n.f && n.f < math.MaxInt {
			return int(n.f)
		}
		if n.f > 0 {
			return math.MaxInt
		}
		return math.MinInt
	}
	if n.b.IsInt64() {
		return int(n.b.Int64())
	}
	if n.b.Sign() > 0 {
		return math.MaxInt
	}
	return math.MinInt
}

// compareNumbers orders as jq does: NaN is below everything.
func compareNumbers(l, r number) int {
	switch {
	case l.kind == whole && r.kind == whole:
		return compareOrdered(l.i, r.i)
	case l.kind == float || r.kind == float:
		lf, rf := l.float(), r.float()
		switch {
		case lf < rf || math.IsNaN(lf):
			return -1
		case lf == rf:
			return 0
		}
		return 1
	}
	return l.big().Cmp(r.big())
}

func compareOrdered(l, r int) int {
	switch {
	case l < r:
		return -1
	case l > r:
		return 1
	}
	return 0
}

var errDivision = errors.New("cannot divide by zero")

// arithmetic does one of + - * / % on two numbers.
func arithmetic(op byte, l, r number) (number, error) {
	if l.kind == float || r.kind == float {
		return floatArithmetic(op, l.float(), r.float())
	}
	if l.kind == whole && r.kind == whole {
		if n, done, err := wholeArithmetic(op, l.i, r.i); done {
			return n, err
		}
	}
	return largeArithmetic(op, l.big(), r.big())
}

func floatArithmetic(op byte, l, r float64) (number, error) {
	switch op {
	case '+':
		l += r
	case '-':
		l -= r
	case '*':
		l *= r
	case '/':
		if r == 0 {
			return number{}, errDivision
		}
		l /= r
	case '%':
		if math.IsNaN(l) || math.IsNaN(r) {
			return number{kind: float, f: math.NaN()}, nil
		}
		li, ri := number{kind: float, f: l}.toInt(), number{kind: float, f: r}.toInt()
		n, _, err := wholeArithmetic(op, li, ri)
		return n, err
	}
	return number{kind: float, f: l}, nil
}

// wholeArithmetic is not done where the result does not fit.
func wholeArithmetic(op byte, l, r int) (n number, done bool, err error) {
	switch op {
	case '+':
		v := l + r
		return number{i: v}, (v >= l) == (r >= 0), nil
	case '-':
		v := l - r
		return number{i: v}, (v <= l) == (r >= 0), nil
	case '*':
		if r == -1 {
			return number{i: -l}, l != math.MinInt, nil
		}
		v := l * r
		return number{i: v}, r == 0 || v/r == l, nil
	case '%':
		if r == 0 {
			return number{}, true, errDivision
		}
		if r == -1 {
			return number{}, true, nil
		}
		return number{i: l % r}, true, nil
	}
	switch {
	case r == 0:
		return number{}, true, errDivision
	case r == -1:
		return number{i: -l}, l != math.MinInt, nil
	case l%r == 0:
		return number{i: l / r}, true, nil
	}
	return number{kind: float, f: float64(l) / float64(r)}, true, nil
}

func largeArithmetic(op byte, l, r *big.Int) (number, error) {
	out := new(big.Int)
	switch op {
	case '+':
		out.Add(l, r)
	case '-':
		out.Sub(l, r)
	case '*':
		if l.BitLen()+r.BitLen() > maxBits {
			return number{kind: float, f: number{kind: large, b: l}.float() * number{kind: large, b: r}.float()}, nil
		}
		out.Mul(l, r)
	default:
		if r.Sign() == 0 {
			return number{}, errDivision
		}
		if op == '%' {
			return number{kind: large, b: out.Rem(l, r)}, nil
		}
		rest := new(big.Int)
		if out.DivMod(l, r, rest); rest.Sign() != 0 {
			return number{kind: float, f: number{kind: large, b: l}.float() / number{kind: large, b: r}.float()}, nil
		}
	}
	return number{kind: large, b: out}, nil
}

func typeName(v any) string {
	switch v.(type) {
	case nil:
		return "null"
	case bool:
		return "boolean"
	case string:
		return "string"
	case []any:
		return "array"
	case map[string]any:
		return "object"
	}
	return "number"
}

// mismatchError tells of two values that do not go together. It is written only when it is
// read: an error of a filter is read by nobody.
type mismatchError struct {
	what string
	l, r any
}

func (e *mismatchError) Error() string {
	return fmt.Sprintf("cannot %s: %s and %s", e.what, shown(e.l), shown(e.r))
}

func mismatch(what string, l, r any) error { return &mismatchError{what, l, r} }
