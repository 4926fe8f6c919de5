package node

import (
	"reflect"
	"testing"
	"time"

	"anode/messages/command"
)

func TestHowASourceIsThatRunsOnSeveralNodes(t *testing.T) {
	at := func(s int) *time.Time { t := time.Unix(int64(s), 0); return &t }
	clock := func(ok bool, last *time.Time) command.SourceClock { return command.SourceClock{OK: ok, Last: last} }
	got := joined([]command.SourceStatus{
		{
			State: command.SourceBackoff, LastError: "the secret k is missing", Since: *at(1), Records: 1, Errors: 7, Restarts: 2, Rate: 0.5,
			Dropped: command.SourceDrops{Filtered: 1, Duplicate: 2, Limited: 3, Failed: 4}, Data: clock(false, at(9)),
		},
		{
			State: command.SourceRunning, Since: *at(2), Records: 10, Rate: 1,
			Dropped: command.SourceDrops{Filtered: 10, Duplicate: 20, Limited: 30, Failed: 40}, Transport: clock(true, at(4)), Data: clock(true, at(3)),
		},
		{State: "of a later version", Records: 100, Transport: clock(false, nil)},
	})
	want := command.SourceStatus{
		State: command.SourceRunning, Since: *at(2), Records: 111, Errors: 7, Restarts: 2, Rate: 1.5,
		Dropped: command.SourceDrops{Filtered: 11, Duplicate: 22, Limited: 33, Failed: 44}, Transport: clock(true, at(4)), Data: clock(true, at(9)),
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, want %+v", got, want)
	}
}
