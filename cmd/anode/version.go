package main

import (
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

// versionText is what the build, or else its version control, says of this program.
func versionText() string {
	info, ok := debug.ReadBuildInfo()
	switch {
	case version != "":
		return version
	case !ok:
		return "unknown"
	case info.Main.Version != "" && info.Main.Version != "(devel)":
		return info.Main.Version
	}
	if revision, changed := revision(info); revision != "" {
		return "devel-" + revision[:min(12, len(revision))] + map[bool]string{true: "+changes"}[changed]
	}
	return "devel"
}

func revision(info *debug.BuildInfo) (revision string, changed bool) {
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			revision = s.Value
		case "vcs.modified":
			changed = s.Value == "true"
		}
	}
	return revision, changed
}

// commitText is the commit of the sources, as far as it is known: what the build said, or else its version control.
func commitText() string {
	if commit != "" {
		return commit
	}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return ""
	}
	revision, _ := revision(info)
	return revision
}

// aboutText is the line of anode version.
func aboutText() string {
	text := "anode " + versionText()
	if commit := commitText(); commit != "" {
		text += " commit " + commit[:min(12, len(commit))]
	}
	return fmt.Sprintf("%s %s %s/%s", text, runtime.Version(), runtime.GOOS, runtime.GOARCH)
}

func newVersion(sh *shell) *cobra.Command {
	return &cobra.Command{
		Use: "version", Short: "say which aNode this is",
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			_, err := fmt.Fprintln(sh.out, aboutText())
			return err
		},
	}
}
