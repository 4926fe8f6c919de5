package cassandra

import (
	"errors"
	"fmt"
	"testing"
)

// verdict records how a test was ended.
type verdict struct {
	testing.TB
	skipped, failed bool
}

func (*verdict) Helper()                {}
func (v *verdict) Skipf(string, ...any) { v.skipped = true }
func (v *verdict) Fatal(...any)         { v.failed = true }

func TestATestWithoutCassandraIsSkippedWhereItMayBe(t *testing.T) {
	missing := fmt.Errorf("%w: no java", ErrUnavailable)
	for _, c := range []struct {
		value           string
		err             error
		skipped, failed bool
	}{
		{"", nil, false, false},
		{"", missing, true, false},
		{"0", missing, true, false},
		{"1", missing, false, true},
		{"", errors.New("it does not start"), false, true},
	} {
		t.Setenv(switchName, c.value)
		v := &verdict{TB: t}
		judge(v, c.err)
		if v.skipped != c.skipped || v.failed != c.failed {
			t.Errorf("%s=%s and %v: skipped %v, failed %v", switchName, c.value, c.err, v.skipped, v.failed)
		}
	}
}

func TestZeroMeansNever(t *testing.T) {
	t.Setenv(switchName, "0")
	if _, err := wanted(t.Context(), Config{}); !errors.Is(err, ErrUnavailable) {
		t.Errorf("error is %v: want ErrUnavailable", err)
	}
}
