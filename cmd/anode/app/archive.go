package app

import (
	"time"

	"anode/storage/cassandra"
)

// openArchive begins to connect to the archive. The node starts without it, and goes on while it is away.
func (r *running) openArchive() error {
	r.archive = r.opt.Archive
	if r.cfg.Archive == nil || r.archive != nil {
		return nil
	}
	archive, err := cassandra.New(*r.cfg.Archive, cassandra.Deps{Logger: r.log, Clock: time.Now, Node: string(r.identity.ID)})
	if err != nil {
		return err
	}
	r.archive = archive
	r.onClose(archive.Close)
	return nil
}
