package state

import (
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"anode/storage"
)

const (
	nodeBucket = "node"
	epochKey   = "epoch"
)

// NextEpoch begins an epoch: the highest of the stored one + 1, the Unix ms of now, and
// atLeast. It is stored and durable on return. A stored one that is damaged or missing is
// done without: that is what the other two are for.
func NextEpoch(store storage.State, now time.Time, atLeast uint64) (uint64, error) {
	next := max(atLeast, 1)
	if ms := now.UnixMilli(); ms > 0 {
		next = max(next, uint64(ms))
	}
	switch b, err := store.Get(nodeBucket, epochKey); {
	case err == nil && len(b) == 8:
		stored := binary.LittleEndian.Uint64(b)
		if stored+1 == 0 {
			return 0, fmt.Errorf("epoch: %d was the last there is: this node needs a new identity", stored)
		}
		next = max(next, stored+1)
	case err != nil && !errors.Is(err, storage.ErrNotHeld) && !errors.Is(err, storage.ErrDamaged):
		return 0, fmt.Errorf("epoch: %w", err)
	}
	err := store.Put(storage.Change{Bucket: nodeBucket, Key: epochKey, Value: binary.LittleEndian.AppendUint64(nil, next)})
	if err != nil {
		return 0, fmt.Errorf("epoch: %w", err)
	}
	return next, nil
}
