package cli

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"reflect"
	"slices"

	"github.com/alecthomas/kong"
	"go.yaml.in/yaml/v3"
)

// keys are the names that a file may have: the flags of all commands, so that all of them can share one file. A flag that
// no environment variable sets is for one run, and no file sets it either.
type keys map[string]bool

func (p Program) keys() (keys, error) {
	known := keys{}
	for _, c := range p.Commands {
		parser, err := p.model(c)
		if err != nil {
			return nil, err
		}
		for flag := range flagsOf(parser.Model.Node) {
			known[flag.Name] = known[flag.Name] || settable(flag)
		}
	}
	return known, nil
}

// flagsOf are the flags of a node and of all below it.
func flagsOf(node *kong.Node) map[*kong.Flag]bool {
	all := map[*kong.Flag]bool{}
	for _, flag := range node.Flags {
		all[flag] = true
	}
	for _, child := range node.Children {
		maps.Copy(all, flagsOf(child))
	}
	return all
}

func settable(flag *kong.Flag) bool { return len(flag.Envs) > 0 && flag.Name != "config" }

// configFlag names the file of --config.
type configFlag string

// BeforeResolve implements kong's hook: it reads the file, if there is one.
func (configFlag) BeforeResolve(app *kong.Kong, ctx *kong.Context, known keys) error {
	flags := map[string]*kong.Flag{}
	for flag := range flagsOf(app.Model.Node) {
		flags[flag.Name] = flag
	}
	path := string(ctx.FlagValue(flags["config"]).(configFlag))
	if path == "" {
		return nil
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("--config: %w", err)
	}
	values, err := readFile(path, text, known, flags)
	if err != nil {
		return err
	}
	ctx.AddResolver(values)
	return nil
}

// file has the values that a file gives to flags, as kong wants them.
type file map[string]any

// readFile reads YAML. It returns every problem at once: names that are no flag, and values that a flag does not take. The
// values of other commands' flags are theirs to check.
func readFile(path string, text []byte, known keys, flags map[string]*kong.Flag) (file, error) {
	var document yaml.Node
	if err := yaml.Unmarshal(text, &document); err != nil {
		return nil, fmt.Errorf("--config %s: %w", path, err)
	}
	if document.Kind == 0 { // empty, or comments alone
		return file{}, nil
	}
	root := document.Content[0]
	if root.Kind != yaml.MappingNode {
		return nil, fmt.Errorf("--config %s: use lines such as \"flush-interval: 30s\"", path)
	}
	values, problems := file{}, []error(nil)
	for i := 0; i < len(root.Content); i += 2 {
		key, node := root.Content[i], root.Content[i+1]
		value, err := known.check(key.Value, node, flags[key.Value])
		if _, twice := values[key.Value]; twice {
			err = fmt.Errorf("%s: is there twice", key.Value)
		}
		if err != nil {
			problems = append(problems, fmt.Errorf("%s:%d: %w", path, key.Line, err))
			continue
		}
		values[key.Value] = value
	}
	return values, errors.Join(problems...)
}

// check returns the value of a key, if the key is known and the flag takes it.
func (k keys) check(key string, node *yaml.Node, flag *kong.Flag) (any, error) {
	switch settable, known := k[key]; {
	case !known:
		return nil, fmt.Errorf("%s is no flag, the nearest one is %s", key, k.nearest(key))
	case !settable:
		return nil, fmt.Errorf("%s is for one run: give it as a flag, --%s", key, key)
	}
	value, err := plain(node)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", key, err)
	}
	if flag == nil {
		return value, nil
	}
	if _, many := value.([]any); many && flag.Target.Kind() != reflect.Slice {
		return nil, fmt.Errorf("%s takes one value", key)
	}
	return value, flag.Parse(kong.Scan().PushTyped(value, kong.FlagValueToken), reflect.New(flag.Target.Type()).Elem())
}

// plain is a node as kong takes values: texts as they are written, lists and tables of texts.
func plain(node *yaml.Node) (any, error) {
	switch {
	case node.Kind == yaml.ScalarNode && node.Tag != "!!null":
		return node.Value, nil
	case slices.ContainsFunc(node.Content, func(n *yaml.Node) bool { return n.Kind != yaml.ScalarNode || n.Tag == "!!null" }):
		return nil, errors.New("use a text, a list of texts, or a table of texts")
	case node.Kind == yaml.SequenceNode:
		list := []any{}
		for _, item := range node.Content {
			list = append(list, item.Value)
		}
		return list, nil
	case node.Kind == yaml.MappingNode:
		table := map[string]any{}
		for i := 0; i < len(node.Content); i += 2 {
			table[node.Content[i].Value] = node.Content[i+1].Value
		}
		return table, nil
	}
	return nil, errors.New("there is no value")
}

// Validate implements kong's resolver. The file was checked when it was read.
func (file) Validate(*kong.Application) error { return nil }

// Resolve implements kong's resolver, which kong asks for every flag that the command line lacks. The environment wins.
func (f file) Resolve(_ *kong.Context, _ *kong.Path, flag *kong.Flag) (any, error) {
	for _, name := range flag.Envs {
		if _, set := os.LookupEnv(name); set {
			return nil, nil
		}
	}
	return f[flag.Name], nil
}

// nearest is the settable flag that takes the fewest changes to come to.
func (k keys) nearest(key string) string {
	best, fewest := "", 0
	for _, name := range slices.Sorted(maps.Keys(k)) {
		if n := distance(key, name); k[name] && (best == "" || n < fewest) {
			best, fewest = name, n
		}
	}
	return best
}

// distance is the number of letters to insert, remove or replace that turn a into b.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			replaced := diagonal
			if a[i] != b[j] {
				replaced++
			}
			diagonal = row[j+1]
			row[j+1] = min(replaced, row[j+1]+1, row[j]+1)
		}
	}
	return row[len(b)]
}
