package spec

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

// What is wrong within expressions comes with what is wrong with the rest, once for each place.
func TestFaultsOfExpressionsComeWithTheOthers(t *testing.T) {
	document := `{"name":"x","kind":"rest","url":"http://x/?${bad}","rest":{"every":"1ms","query":{"a":"${"}},"key":"bad","on":[{"when":".ok","fail":"${bad}"}],"nonsense":1}`
	compile := func(x Expression) error {
		if strings.Contains(x.Text, "bad") {
			return errors.New("is bad")
		}
		return nil
	}
	_, err := ParseWith([]byte(document), false, compile)
	var faults Faults
	if !errors.As(err, &faults) {
		t.Fatal(err)
	}
	places := map[string]int{}
	for _, f := range faults {
		places[f.Path]++
	}
	want := map[string]int{"/url": 1, "/rest/every": 1, "/rest/query/a": 1, "/key": 1, "/on/0/fail": 1, "/nonsense": 1}
	if fmt.Sprint(places) != fmt.Sprint(want) {
		t.Errorf("faults at %v, want %v", places, want)
	}
	many := `{"name":"x","kind":"rest","url":"http://x/","rest":{"query":{` + strings.TrimSuffix(strings.Repeat(`"%d":"${bad}",`, 200), ",") + `}}}`
	numbers := make([]any, 200)
	for i := range numbers {
		numbers[i] = i
	}
	if _, err = ParseWith(fmt.Appendf(nil, strings.Replace(many, `"x",`, `7,`, 1), numbers...), false, compile); !errors.As(err, &faults) || len(faults) != maxFaults+1 {
		t.Errorf("%d faults", len(faults))
	}
}
