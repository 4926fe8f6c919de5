// Package units reads the durations and sizes that people write in flags, files and
// specs, and cuts texts that are shown to them. It is pure.
package units
