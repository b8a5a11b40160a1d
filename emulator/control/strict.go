package control

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/batch-local/batch-local/emulator/api"
)

// Decode decodes one JSON value without members that nobody knows: their names are mistyped, and what there is instead is told. A member is where seeds would
// have it, `[0].match.jobName`.
func Decode(data []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(data))
	var value json.RawMessage
	if err := d.Decode(&value); err != nil {
		return fmt.Errorf("it is not JSON: %w", err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("something follows its JSON value")
	}
	if err := fits(value, reflect.TypeOf(into).Elem(), ""); err != nil {
		return err
	}
	return json.Unmarshal(value, into)
}

// fits compares the form of a value, and the names in it, with a type.
func fits(value json.RawMessage, t reflect.Type, member string) error {
	if reflect.PointerTo(t).Implements(reflect.TypeFor[json.Unmarshaler]()) || string(value) == "null" {
		return nil
	}
	at := func(text string) error { return errors.New(strings.TrimPrefix(member+": "+text, ": ")) }
	switch t.Kind() {
	case reflect.Pointer:
		return fits(value, t.Elem(), member)
	case reflect.Slice:
		var list []json.RawMessage
		if json.Unmarshal(value, &list) != nil {
			return at("it must be a list")
		}
		for i, one := range list {
			if err := fits(one, t.Elem(), fmt.Sprintf("%s[%d]", member, i)); err != nil {
				return err
			}
		}
	case reflect.Struct:
		var members map[string]json.RawMessage
		if json.Unmarshal(value, &members) != nil {
			return at("it must be an object")
		}
		for _, name := range slices.Sorted(maps.Keys(members)) {
			one := members[name]
			field, ok := fieldOf(t, name)
			path := strings.TrimPrefix(member+"."+name, ".")
			if !ok {
				return fmt.Errorf("%s: there is no such member; there are %s", path, strings.Join(api.MemberNames(t), ", "))
			}
			if err := fits(one, field.Type, path); err != nil {
				return err
			}
		}
	default:
		if json.Unmarshal(value, reflect.New(t).Interface()) != nil {
			return at("it must be " + kindOf(t))
		}
	}
	return nil
}

// kindOf is what a value must be, in words.
func kindOf(t reflect.Type) string {
	switch t.Kind() {
	case reflect.String:
		return "a text"
	case reflect.Bool:
		return "true or false"
	}
	return "a whole number"
}

// fieldOf finds a field by its name on the wire; of small and large letters as encoding/json does.
func fieldOf(t reflect.Type, name string) (reflect.StructField, bool) {
	return t.FieldByNameFunc(func(field string) bool {
		f, _ := t.FieldByName(field)
		return api.MemberName(f) != "" && strings.EqualFold(api.MemberName(f), name)
	})
}
