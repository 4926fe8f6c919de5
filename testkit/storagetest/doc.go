// Package storagetest is the suite that every implementation of storage passes.
//
//	func TestJournal(t *testing.T) {
//		storagetest.Journal(t, func(t *testing.T, cfg storagetest.Config) storagetest.Opened { … })
//	}
//
// An implementation that keeps nothing over a restart gives no Reopen, and the checks of
// what survives are left out. The suite reads no clock: it makes batches whose readings it chose.
package storagetest
