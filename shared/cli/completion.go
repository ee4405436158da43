package cli

import (
	"fmt"
	"slices"
	"strings"
	"text/template"

	"github.com/alecthomas/kong"
)

// A script for a shell is made of what kong knows of the flags. It needs no program while it runs.

type shellCommand struct {
	Name, Help string
	Flags      []shellFlag
}

type shellFlag struct {
	Name, Help string // the name without dashes
	Value      bool   // it takes one
	Values     string // all that it takes, separated by spaces, where the tag values names them
}

type shellProgram struct {
	Name     string
	Commands []shellCommand // the first one runs if no other is named
}

// First, Named, Choices and Valued are for the templates.

func (p shellProgram) First() shellCommand   { return p.Commands[0] }
func (p shellProgram) Named() []shellCommand { return p.Commands[1:] }

// Choices are the flags that take one of few values. A flag means the same in all commands.
func (p shellProgram) Choices() (flags []shellFlag) {
	for _, c := range p.Commands {
		for _, f := range c.Flags {
			if f.Values != "" && !slices.Contains(flags, f) {
				flags = append(flags, f)
			}
		}
	}
	return flags
}

func (c shellCommand) Valued() []shellFlag {
	return slices.DeleteFunc(slices.Clone(c.Flags), func(f shellFlag) bool { return !f.Value })
}

// script returns what the shell loads.
func (p Program) script(shell string) (string, error) {
	source, ok := scripts()[shell]
	if !ok {
		return "", fmt.Errorf("%q is no shell that it knows: use bash, zsh or fish", shell)
	}
	program := shellProgram{Name: p.Name}
	for _, c := range p.Commands {
		parser, err := p.model(c)
		if err != nil {
			return "", err
		}
		program.Commands = append(program.Commands, shellCommands(c, parser.Model.Node)...)
	}
	program.Commands = append(program.Commands, shellCommand{Name: completionCommand, Help: "Prints a script for a shell"})
	functions := template.FuncMap{"zsh": zshText, "quote": quoted}
	var text strings.Builder
	err := template.Must(template.New(shell).Funcs(functions).Parse(source)).Execute(&text, program)
	return text.String(), err
}

// shellCommands are a command, and those that kong knows below it. Without a name of its own, the default one runs.
func shellCommands(c Command, node *kong.Node) []shellCommand {
	own := shellCommand{Name: c.Name, Help: sentence(c.Help), Flags: shellFlags(node)}
	var below []shellCommand
	for _, child := range node.Children {
		flags := slices.Concat(shellFlags(node), shellFlags(child))
		if child == node.DefaultCmd {
			own.Flags = flags
		}
		below = append(below, shellCommand{Name: child.Name, Help: sentence(child.Help), Flags: flags})
	}
	return append([]shellCommand{own}, below...)
}

func shellFlags(node *kong.Node) (flags []shellFlag) {
	for _, flag := range node.Flags {
		if flag.Hidden {
			continue
		}
		f := shellFlag{Name: flag.Name, Help: sentence(flag.Help), Value: !flag.IsBool(), Values: strings.ReplaceAll(flag.Tag.Get("values"), ",", " ")}
		flags = append(flags, f)
		if flag.Tag.Negatable != "" {
			flags = append(flags, shellFlag{Name: "no-" + flag.Name, Help: "Not: " + f.Help})
		}
	}
	return flags
}

// quoted is a text in single quotes, as bash, zsh and fish read it.
func quoted(text string) string { return "'" + strings.ReplaceAll(text, "'", "’") + "'" }

// zshText is a text within a specification of _arguments or _describe.
func zshText(text string) string {
	return strings.NewReplacer(`\`, `\\`, "[", `\[`, "]", `\]`, ":", `\:`, "'", "’").Replace(text)
}

// scripts are templates, by shell. A value is completed as a file, unless it is one of few.
func scripts() map[string]string {
	return map[string]string{
		"bash": `# Completion of {{.Name}} for bash: source <({{.Name}} completion bash)
_{{.Name}}() {
    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} flags valued
    COMPREPLY=()
    [[ $prev == "=" ]] && prev=${COMP_WORDS[COMP_CWORD-2]}
    if [[ $cur == "=" ]]; then prev=${COMP_WORDS[COMP_CWORD-1]} cur=; fi
    case ${COMP_WORDS[1]} in
{{- range .Named}}
    {{.Name}})
        flags="{{range .Flags}}--{{.Name}} {{end}}" valued=" {{range .Valued}}--{{.Name}} {{end}}" ;;
{{- end}}
    *)
        flags="{{range .First.Flags}}--{{.Name}} {{end}}" valued=" {{range .First.Valued}}--{{.Name}} {{end}}" ;;
    esac
    case $prev in
{{- range .Choices}}
    --{{.Name}})
        COMPREPLY=($(compgen -W "{{.Values}}" -- "$cur"))
        return ;;
{{- end}}
    esac
    if [[ $valued == *" $prev "* ]]; then
        COMPREPLY=($(compgen -f -- "$cur"))
    elif [[ $cur == -* ]]; then
        COMPREPLY=($(compgen -W "$flags" -- "$cur"))
    elif ((COMP_CWORD == 1)); then
        COMPREPLY=($(compgen -W "{{range .Named}}{{.Name}} {{end}}" -- "$cur"))
    elif [[ ${COMP_WORDS[1]} == completion ]]; then
        COMPREPLY=($(compgen -W "bash zsh fish" -- "$cur"))
    fi
}
complete -F _{{.Name}} {{.Name}}
`,
		"zsh": `#compdef {{.Name}}
# Completion of {{.Name}} for zsh: source <({{.Name}} completion zsh), after compinit
_{{.Name}}() {
    local -a commands flags
    commands=({{range .Named}}
        '{{.Name}}:{{zsh .Help}}'{{end}}
    )
    if ((CURRENT == 2)) && [[ $words[2] != -* ]]; then
        _describe command commands
        return
    fi
    case $words[2] in
{{- range .Named}}
    {{.Name}})
        flags=({{range .Flags}}
            '--{{.Name}}{{if .Value}}={{end}}[{{zsh .Help}}]{{if .Values}}:value:({{.Values}}){{else if .Value}}:value:_files{{end}}'{{end}}
        ) ;;
{{- end}}
    *)
        flags=({{range .First.Flags}}
            '--{{.Name}}{{if .Value}}={{end}}[{{zsh .Help}}]{{if .Values}}:value:({{.Values}}){{else if .Value}}:value:_files{{end}}'{{end}}
        ) ;;
    esac
    if [[ $words[2] == completion ]]; then
        _values shell bash zsh fish
        return
    fi
    _arguments $flags '*:argument:_files'
}
if [[ $funcstack[1] == _{{.Name}} ]]; then _{{.Name}} "$@"; else compdef _{{.Name}} {{.Name}}; fi
`,
		"fish": `# Completion of {{.Name}} for fish: {{.Name}} completion fish | source
complete -c {{.Name}} -n 'test (count (commandline -opc)) -eq 1' -f
{{- range .Named}}
complete -c {{$.Name}} -n 'test (count (commandline -opc)) -eq 1' -a {{.Name}} -d {{quote .Help}}
{{- end}}
complete -c {{.Name}} -n '__fish_seen_subcommand_from completion' -f -a 'bash zsh fish'
{{- range .First.Flags}}
complete -c {{$.Name}} -n 'not __fish_seen_subcommand_from {{range $.Named}}{{.Name}} {{end}}' -l {{.Name}}{{if .Values}} -x -a {{quote .Values}}{{else if .Value}} -r{{end}} -d {{quote .Help}}
{{- end}}
{{- range $command := .Named}}{{range .Flags}}
complete -c {{$.Name}} -n '__fish_seen_subcommand_from {{$command.Name}}' -l {{.Name}}{{if .Values}} -x -a {{quote .Values}}{{else if .Value}} -r{{end}} -d {{quote .Help}}
{{- end}}{{end}}
`,
	}
}
