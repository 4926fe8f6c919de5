package actor

import (
	"errors"
	"fmt"
	"maps"
	"slices"
)

// Missing names the required fields of a configuration that are not set: fields says of each whether it is
// missing. The faults are in order of name; nil when there is none.
func Missing(config string, fields map[string]bool) error {
	var faults []error
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		if fields[name] {
			faults = append(faults, fmt.Errorf("%s: %s is required", config, name))
		}
	}
	return errors.Join(faults...)
}
