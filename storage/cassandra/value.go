package cassandra

import (
	"encoding/binary"
	"time"

	"github.com/gocql/gocql"
)

// cell is a value as it travels. gocql takes a pointer to one as it is, without looking at its type by reflection and without an
// allocation: a row has 18.
type cell struct{ bytes []byte }

// MarshalCQL implements gocql.Marshaler.
func (c *cell) MarshalCQL(gocql.TypeInfo) ([]byte, error) { return c.bytes, nil }

func bigint(n int64) *cell { return &cell{binary.BigEndian.AppendUint64(nil, uint64(n))} }

// date is a day as it travels: counted from the middle of 32 bits.
func date(d day) *cell { return &cell{binary.BigEndian.AppendUint32(nil, uint32(int64(d)+1<<31))} }

// dayAt is the day of a date as gocql reads it.
func dayAt(t time.Time) day { return dayOf(t.UnixMilli()) }
