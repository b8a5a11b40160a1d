package api

import (
	"reflect"
	"slices"
	"strings"
)

// MemberName is what a field of a struct is called on the wire; empty is not at all.
func MemberName(f reflect.StructField) string {
	name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
	if name == "-" {
		return ""
	}
	return name
}

// MemberNames are those of all fields of a struct, in the order of the alphabet.
func MemberNames(t reflect.Type) (names []string) {
	for i := range t.NumField() {
		if name := MemberName(t.Field(i)); name != "" {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}
