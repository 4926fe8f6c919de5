package app

import (
	"math"
	"runtime/debug"

	"github.com/KimMachineGun/automemlimit/memlimit"
)

const (
	// memoryShare is what Go's memory may take of a container's: the rest is for what Go does not count.
	memoryShare = 0.85
	// slowShare is which part of the memory each of the four kinds of slow clients may hold, mostSlow the most that is of use, and
	// leastSlow what it takes to serve at all.
	slowShare           = 10
	mostSlow, leastSlow = 256 << 20, 16 << 20
)

// LimitMemory has the process keep within its container's memory, where that has a limit and GOMEMLIMIT does not say another.
// An error says why a limit can't be known.
func LimitMemory() error {
	_, err := memlimit.Set(memlimit.WithRatio(memoryShare), memlimit.WithProvider(memlimit.FromCgroup))
	return err
}

// sayMemory logs the limit of the process's memory.
func (r *running) sayMemory() error {
	if r.opt.Unlimited != nil {
		r.log.Warn("how much memory the process may take is not known: set GOMEMLIMIT where that has a limit", "error", r.opt.Unlimited)
	}
	if limit := debug.SetMemoryLimit(-1); limit < math.MaxInt64 {
		r.log.Info("memory is limited", "bytes", limit, "slow_clients", r.slowBytes())
	}
	return nil
}

// slowBytes is the most that each kind of slow clients may hold together.
func (r *running) slowBytes() int64 { return slowBytes(debug.SetMemoryLimit(-1)) }

func slowBytes(memory int64) int64 { return min(mostSlow, max(leastSlow, memory/slowShare)) }
