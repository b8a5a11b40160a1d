package seed

import (
	"errors"
	"fmt"
	"reflect"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/batch-local/batch-local/emulator/api"
)

// A reader fills inputs with what a file says, and keeps what is wrong with it.
type reader struct {
	path  string
	wrong []error
}

func (r *reader) fail(n *yaml.Node, member, format string, args ...any) {
	at := fmt.Sprintf("%s:%d: ", r.path, n.Line)
	if member != "" {
		at += member + ": "
	}
	r.wrong = append(r.wrong, errors.New(at+fmt.Sprintf(format, args...)))
}

// resolve follows an alias.
func resolve(n *yaml.Node) *yaml.Node {
	for n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	return n
}

// fill sets a value of an input. A text may be written as a number or a truth: `value: 1`, `parameters: {debug: true}`.
func (r *reader) fill(n *yaml.Node, v reflect.Value, member string) {
	n = resolve(n)
	if n.Kind == yaml.ScalarNode && n.Tag == "!!null" {
		return
	}
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		r.fill(n, v.Elem(), member)
	case reflect.Struct:
		r.fillStruct(n, v, member)
	case reflect.Slice:
		if n.Kind != yaml.SequenceNode {
			r.fail(n, member, "it must be a list")
			return
		}
		v.Set(reflect.MakeSlice(v.Type(), len(n.Content), len(n.Content)))
		for i, one := range n.Content {
			r.fill(one, v.Index(i), fmt.Sprintf("%s[%d]", member, i))
		}
	case reflect.Map:
		if n.Kind != yaml.MappingNode {
			r.fail(n, member, "it must be a mapping")
			return
		}
		v.Set(reflect.MakeMap(v.Type()))
		for i := 0; i < len(n.Content); i += 2 {
			value := reflect.New(v.Type().Elem()).Elem()
			r.fill(n.Content[i+1], value, member+"."+n.Content[i].Value)
			v.SetMapIndex(reflect.ValueOf(n.Content[i].Value).Convert(v.Type().Key()), value)
		}
	default:
		r.fillScalar(n, v, member)
	}
}

func (r *reader) fillStruct(n *yaml.Node, v reflect.Value, member string) {
	if n.Kind != yaml.MappingNode {
		r.fail(n, member, "it must be a mapping")
		return
	}
	seen := map[string]bool{}
	for i := 0; i < len(n.Content); i += 2 {
		key := n.Content[i]
		field, ok := memberOf(v.Type(), key.Value)
		switch {
		case !ok:
			r.fail(key, member+"."+key.Value, "there is no such member; there are %s", strings.Join(api.MemberNames(v.Type()), ", "))
		case seen[key.Value]:
			r.fail(key, member+"."+key.Value, "it is there twice")
		default:
			r.fill(n.Content[i+1], v.Field(field), member+"."+key.Value)
		}
		seen[key.Value] = true
	}
}

func (r *reader) fillScalar(n *yaml.Node, v reflect.Value, member string) {
	if n.Kind != yaml.ScalarNode {
		r.fail(n, member, "it must be one value")
		return
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString(n.Value)
	case reflect.Bool:
		var is bool
		if n.Decode(&is) != nil {
			r.fail(n, member, "%s is not true or false", n.Value)
		}
		v.SetBool(is)
	case reflect.Int32, reflect.Int64:
		number, err := strconv.ParseInt(n.Value, 10, v.Type().Bits())
		if err != nil {
			r.fail(n, member, "%s is not a whole number", n.Value)
		}
		v.SetInt(number)
	case reflect.Float32, reflect.Float64:
		number, err := strconv.ParseFloat(n.Value, v.Type().Bits())
		if err != nil {
			r.fail(n, member, "%s is not a number", n.Value)
		}
		v.SetFloat(number)
	default:
		r.fail(n, member, "it cannot be said in a seed")
	}
}

// memberOf finds a struct's field by its name on the wire.
func memberOf(t reflect.Type, name string) (int, bool) {
	for i := range t.NumField() {
		if api.MemberName(t.Field(i)) == name {
			return i, true
		}
	}
	return 0, false
}
