package faults

import (
	"io/fs"
	"strings"
	"syscall"
)

// Op is a kind of operation that a fault matches.
type Op uint8

// The operations.
const (
	OpCreate Op = iota + 1
	OpOpen
	OpRead
	OpWrite
	OpTruncate
	OpAllocate
	OpSync
	OpSyncDir
	OpRename
	OpRemove
	OpList
)

// Fault makes operations fail.
type Fault struct {
	// Op is which; 0 is each.
	Op Op
	// Name is a part of the file's name; empty is of each.
	Name string
	// After lets so many that match succeed first.
	After int
	// Times is how many fail then; 0 is all, until Heal.
	Times int
	// Err is what they fail with; nil is EIO.
	Err error
	// Written is how many bytes a failing write has written all the same, -1 all of them.
	Written int

	met, failed int
}

func (f *Fault) error(op, name string) error {
	err := f.Err
	if err == nil {
		err = syscall.EIO
	}
	return &fs.PathError{Op: op, Path: name, Err: err}
}

// Fail adds a fault.
func (d *Disk) Fail(f Fault) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.faults = append(d.faults, &f)
}

// Heal takes all faults away.
func (d *Disk) Heal() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.faults = nil
}

// fault gives the fault that an operation meets, nil without one. The lock is held.
func (d *Disk) fault(op Op, name string) *Fault {
	for _, f := range d.faults {
		if f.Op != 0 && f.Op != op || !strings.Contains(name, f.Name) {
			continue
		}
		if f.met++; f.met <= f.After || f.Times > 0 && f.failed >= f.Times {
			continue
		}
		f.failed++
		return f
	}
	return nil
}
