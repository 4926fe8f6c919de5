package cassandra

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"

	"github.com/gocql/gocql"
)

// askDatabase learns which database this is: by the name of its cluster, and by a number that was drawn once for the keyspace. Nodes name it by the
// servers that they know, and these may be others for each.
func (a *Archive) askDatabase(ctx context.Context, s *gocql.Session) error {
	var cluster string
	if err := s.Query(`SELECT cluster_name FROM system.local`).WithContext(ctx).Consistency(gocql.One).Scan(&cluster); err != nil {
		return err
	}
	number, err := askNumber(ctx, s)
	if err != nil {
		return err
	}
	database := cluster + "/" + a.cfg.Keyspace + "/" + number
	if was := a.database.Swap(&database); was != nil && *was != database {
		a.log.Warn("the archive is another one than before", "place", a.place())
	}
	return nil
}

// askNumber reads the keyspace's number, or draws it. All who do so at a time get the same.
func askNumber(ctx context.Context, s *gocql.Session) (number string, err error) {
	err = s.Query(`SELECT holder FROM schema_versions WHERE part = 'database' AND version = 0`).WithContext(ctx).Scan(&number)
	if err == nil && number != "" || err != nil && !errors.Is(err, gocql.ErrNotFound) {
		return number, err
	}
	number = fmt.Sprintf("%016x", rand.Uint64())
	others := make(map[string]any)
	mine, err := s.Query(`INSERT INTO schema_versions (part, version, holder, at) VALUES ('database', 0, ?, toTimestamp(now())) IF NOT EXISTS`, number).
		WithContext(ctx).MapScanCAS(others)
	if err == nil && !mine {
		number, _ = others["holder"].(string)
	}
	return number, err
}
