package secrets

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"

	"go.yaml.in/yaml/v3"
)

var lineOf = regexp.MustCompile(`line [0-9]+`)

// decode reads a file. Its errors say where, and never what: the parser's own quote the text.
func decode(from io.Reader) (map[string]entry, error) {
	decoder := yaml.NewDecoder(from)
	var document yaml.Node
	switch err := decoder.Decode(&document); {
	case errors.Is(err, io.EOF):
		return map[string]entry{}, nil // an empty file
	case err != nil:
		return nil, notYAML(err)
	}
	var second yaml.Node
	switch err := decoder.Decode(&second); {
	case err == nil:
		return nil, fmt.Errorf("line %d: there is a second document", second.Line)
	case !errors.Is(err, io.EOF):
		return nil, notYAML(err)
	}
	root := document.Content[0]
	if root.Kind == yaml.ScalarNode && root.Tag == "!!null" { // only comments
		return map[string]entry{}, nil
	}
	entries := map[string]entry{}
	err := pairs(root, func(name string, value *yaml.Node) error {
		e, err := entryOf(value)
		entries[name] = e
		return err
	})
	if err != nil {
		return nil, err
	}
	return entries, nil
}

func notYAML(err error) error {
	if where := lineOf.FindString(err.Error()); where != "" {
		return errors.New(where + ": it is not YAML")
	}
	return errors.New("it is not YAML")
}

// pairs goes through a mapping and refuses what is there twice.
func pairs(n *yaml.Node, each func(name string, value *yaml.Node) error) error {
	if n.Kind != yaml.MappingNode {
		return fmt.Errorf("line %d: names and their values are expected", n.Line)
	}
	seen := map[string]bool{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		name := n.Content[i]
		switch {
		case name.Kind != yaml.ScalarNode || name.Tag == "!!merge":
			return fmt.Errorf("line %d: a name must be a text", name.Line)
		case seen[name.Value]:
			return fmt.Errorf("line %d: %s is there twice", name.Line, name.Value)
		}
		seen[name.Value] = true
		if err := each(name.Value, n.Content[i+1]); err != nil {
			return err
		}
	}
	return nil
}

// entryOf is a value: a text or a number as it is written, a mapping or a list as its JSON.
func entryOf(n *yaml.Node) (entry, error) {
	var e entry
	text, err := textOf(n)
	if err != nil {
		return entry{}, err
	}
	e.text = text
	if n.Kind == yaml.MappingNode {
		e.fields = map[string]string{}
		err = pairs(n, func(name string, value *yaml.Node) error {
			if value.Kind == yaml.ScalarNode && value.Tag == "!!null" {
				e.fields[name] = ""
				return nil
			}
			e.fields[name], err = textOf(value)
			return err
		})
	}
	return e, err
}

func textOf(n *yaml.Node) (string, error) {
	if n.Kind == yaml.ScalarNode {
		switch n.Tag {
		case "!!null":
			return "", fmt.Errorf("line %d: a value is missing", n.Line)
		case "!!binary":
			return "", fmt.Errorf("line %d: a value must be a text", n.Line) // SecretBinary is not supported
		}
		return n.Value, nil
	}
	var json strings.Builder
	if err := writeJSON(&json, n); err != nil {
		return "", err
	}
	return json.String(), nil
}

// writeJSON keeps the order and the numbers of the file; a round through Go's values would not.
func writeJSON(to *strings.Builder, n *yaml.Node) error {
	switch n.Kind {
	case yaml.MappingNode:
		to.WriteByte('{')
		first := true
		err := pairs(n, func(name string, value *yaml.Node) error {
			if !first {
				to.WriteByte(',')
			}
			first = false
			to.WriteString(quoted(name) + ":")
			return writeJSON(to, value)
		})
		to.WriteByte('}')
		return err
	case yaml.SequenceNode:
		to.WriteByte('[')
		for i, value := range n.Content {
			if i > 0 {
				to.WriteByte(',')
			}
			if err := writeJSON(to, value); err != nil {
				return err
			}
		}
		to.WriteByte(']')
		return nil
	case yaml.AliasNode: // it may contain itself
		return fmt.Errorf("line %d: aliases are not supported", n.Line)
	}
	switch n.Tag {
	case "!!null":
		to.WriteString("null")
		return nil
	case "!!bool", "!!int", "!!float":
		if value := strings.ToLower(n.Value); json.Valid([]byte(value)) { // others, such as 0x1f and .inf, have no JSON
			to.WriteString(value)
			return nil
		}
	}
	to.WriteString(quoted(n.Value))
	return nil
}

func quoted(text string) string {
	var b strings.Builder
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false) // a password with an ampersand stays readable
	_ = encoder.Encode(text)     // a text can always be written
	return strings.TrimSuffix(b.String(), "\n")
}
