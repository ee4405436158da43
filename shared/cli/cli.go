// Package cli is the command line that our programs share: flags with their environment variables, --config, --version,
// and completions for shells. What a flag means is said where it is declared, and nothing here knows one of them.
//
// A value comes from the flag, else from the environment, else from the file of --config, else it is the default.
package cli

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/alecthomas/kong"

	"example.com/callevents/shared/units"
)

// Program is what a user starts, with all its commands.
type Program struct {
	Name     string
	Commands []Command // the first one runs if no other is named
}

// Command is what the first argument can name.
type Command struct {
	Name  string // "": that of the program
	Help  string
	Flags any // a pointer to the struct whose fields are the flags, as kong reads it
}

// common are the flags of every command.
type common struct {
	Config  configFlag  `placeholder:"FILE" help:"YAML file with values for flags, by their names: \"stream: calls\". Flags and environment variables win. A name that is no flag is an error."`
	Version versionFlag `env:"-" help:"Show version, commit, date and Go, and exit."`
}

// Parse reads the arguments of the command called name into flags, which are of its type.
func (p Program) Parse(name string, flags any, args []string) (*kong.Context, error) {
	known, err := p.keys()
	if err != nil {
		return nil, err
	}
	c := p.command(name)
	c.Flags = flags
	parser, err := p.model(c, kong.Bind(known))
	if err != nil {
		return nil, err
	}
	return parser.Parse(args)
}

// command returns the one of that name. It panics if there is none: the names stand in the code.
func (p Program) command(name string) Command {
	for _, c := range p.Commands {
		if c.Name == name {
			return c
		}
	}
	panic(fmt.Sprintf("%s has no command %q", p.Name, name))
}

// model is what kong makes of a command.
func (p Program) model(c Command, more ...kong.Option) (*kong.Kong, error) {
	help := c.Help
	if c.Name == "" {
		help += p.others()
	}
	options := []kong.Option{kong.Name(strings.TrimSpace(p.Name + " " + c.Name)), kong.Description(help), kong.DefaultEnvars("CALLEVENTS"),
		units.Durations(), kong.Embed(&common{})}
	return kong.New(c.Flags, slices.Concat(options, more)...)
}

// others lists the commands, for the help.
func (p Program) others() string {
	var text strings.Builder
	text.WriteString("\n\nCommands, each with a --help of its own:\n\n")
	for _, c := range p.Commands[1:] {
		fmt.Fprintf(&text, "  %-16s %s\n", c.Name, sentence(c.Help))
	}
	fmt.Fprintf(&text, "  %-16s %s\n", completionCommand, "Prints a script for a shell: bash, zsh or fish")
	return text.String()
}

// sentence is the first one of a text, without its full stop.
func sentence(text string) string {
	first, _, _ := strings.Cut(text, ". ")
	return strings.TrimSuffix(first, ".")
}

// completionCommand is the command that every program has.
const completionCommand = "completion"

// Completion answers the command "completion SHELL". It reports whether args are that command, and the exit code.
func (p Program) Completion(args []string, out, errOut io.Writer) (exitCode int, mine bool) {
	if len(args) == 0 || args[0] != completionCommand {
		return 0, false
	}
	shell := strings.Join(args[1:], " ")
	script, err := p.script(shell)
	if err == nil {
		_, err = io.WriteString(out, script)
	}
	if err != nil {
		fmt.Fprintf(errOut, "%s %s: %v\n", p.Name, completionCommand, err)
		return 2, true
	}
	return 0, true
}
