package settings

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"go.yaml.in/yaml/v3"
)

// file is the YAML file of --config: a mapping of names to values, or to lists of values where a flag may be repeated.
//
// Values are taken as they are written, so that `account: 000000000000` is not a number and needs no quotes.
type file struct {
	path    string
	entries map[string]entry
}

type entry struct {
	texts []string
	lines []int // where each text is
}

func (f file) at(line int) string { return fmt.Sprintf("%s:%d", f.path, line) }

// readFile answers the file that was named, if one was, and everything that is wrong with its form and its keys.
func readFile(named found) (file, []error) {
	path := named.texts[0]
	f := file{path: path, entries: make(map[string]entry)}
	if path == "" {
		return f, nil
	}
	text, err := os.ReadFile(path)
	if err != nil {
		if reason := (*fs.PathError)(nil); errors.As(err, &reason) {
			err = reason.Err
		}
		return f, []error{named.wrong(0, err)}
	}
	var document, second yaml.Node
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	if err := decoder.Decode(&document); errors.Is(err, io.EOF) {
		return f, nil
	} else if err != nil {
		return f, []error{fault{path, err}}
	}
	if err := decoder.Decode(&second); !errors.Is(err, io.EOF) {
		return f, []error{fault{path, errors.New("it must be one YAML document")}}
	}
	return f, f.read(document.Content[0])
}

func (f file) read(root *yaml.Node) (wrong []error) {
	if root.Kind == yaml.ScalarNode && root.Tag == "!!null" { // nothing but comments
		return nil
	}
	if root.Kind != yaml.MappingNode {
		return []error{fault{f.at(root.Line), errors.New("it must be lines of the form name: value")}}
	}
	rows, known := make(map[string]setting), make(map[string]bool)
	for _, row := range table() {
		if row.name != configName {
			rows[row.name], known[row.name] = row, true
		}
	}
	for i := 0; i < len(root.Content); i += 2 {
		key, value := root.Content[i], root.Content[i+1]
		source := f.at(key.Line) + ": " + quoted(key.Value)
		row, ok := rows[key.Value]
		if !ok {
			wrong = append(wrong, fault{source, errors.New("there is no such setting" + hint(key.Value, known))})
			continue
		}
		if _, twice := f.entries[key.Value]; twice {
			wrong = append(wrong, fault{source, errors.New("it is set twice")})
			continue
		}
		found, err := texts(row, value)
		if err != nil {
			wrong = append(wrong, fault{source, err})
			continue
		}
		f.entries[key.Value] = found
	}
	return wrong
}

// texts are the values of one key.
func texts(row setting, value *yaml.Node) (entry, error) {
	nodes := []*yaml.Node{value}
	if value.Kind == yaml.SequenceNode && row.repeatable() {
		nodes = value.Content
	}
	var found entry
	for _, node := range nodes {
		if node.Kind == yaml.AliasNode {
			node = node.Alias
		}
		switch {
		case node.Kind != yaml.ScalarNode && row.repeatable():
			return entry{}, errors.New("it must be a value or a list of values")
		case node.Kind != yaml.ScalarNode:
			return entry{}, errors.New("it must be one value")
		case node.Tag == "!!null":
			return entry{}, errors.New("it has no value")
		}
		found.texts = append(found.texts, node.Value)
		found.lines = append(found.lines, node.Line)
	}
	return found, nil
}
