package cli

import (
	"cmp"
	"fmt"
	"runtime"
	"runtime/debug"
	"strings"

	"github.com/alecthomas/kong"
)

// Version says what runs: the module's version, the commit and its date, and Go. The Go tool has put these into the
// binary; one that was built outside a repository knows no commit.
func Version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		info = &debug.BuildInfo{}
	}
	return describe(info)
}

func describe(info *debug.BuildInfo) string {
	settings := map[string]string{}
	for _, s := range info.Settings {
		settings[s.Key] = s.Value
	}
	dirty := ""
	if settings["vcs.modified"] == "true" {
		dirty = " dirty"
	}
	return fmt.Sprintf("%s commit %s%s date %s %s %s/%s", cmp.Or(info.Main.Version, "(devel)"), cmp.Or(settings["vcs.revision"], "unknown"), dirty,
		cmp.Or(settings["vcs.time"], "unknown"), cmp.Or(info.GoVersion, runtime.Version()), runtime.GOOS, runtime.GOARCH)
}

// versionFlag shows the version and exits, whatever else is on the command line.
type versionFlag bool

// BeforeReset implements kong's hook.
func (versionFlag) BeforeReset(app *kong.Kong) error {
	program, _, _ := strings.Cut(app.Model.Name, " ")
	_, err := fmt.Fprintln(app.Stdout, program, Version())
	app.Exit(0)
	return err
}
