package app

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"anode/cmd/anode/config"
)

// tellAddress leaves in the data directory where the node answers, for `anode health` and whoever else is in its container, until it ends. A node
// that can't, as on a full disk, serves all the same.
func (r *running) tellAddress() {
	name := filepath.Join(r.cfg.Data, config.AddressFile)
	url, err := config.Near(r.listener.Addr().String())
	if err == nil {
		err = os.WriteFile(name+".new", []byte(url+"\n"), 0o600)
	}
	if err == nil {
		err = os.Rename(name+".new", name)
	}
	if err != nil {
		r.log.Warn("where the node answers can't be written down: commands beside it go by --http", "path", name, "error", err)
	}
	r.onClose(func() error {
		if err := os.Remove(name); !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		return nil
	})
}
