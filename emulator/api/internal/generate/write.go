package main

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strings"
)

func writeTypes(b *bytes.Buffer, m *model) {
	for _, name := range slices.Sorted(maps.Keys(m.structures)) {
		fmt.Fprintf(b, "// %s is the shape of that name in the service model.\ntype %s struct {\n", name, name)
		for _, f := range m.structures[name].members {
			tag := f.wire + ",omitzero"
			if place := bound[name+"."+f.wire]; place != "" {
				tag = "-"
				fmt.Fprintf(b, "\t// %s travels in the %s.\n", f.name, place)
			}
			fmt.Fprintf(b, "\t%s %s `json:%q`\n", f.name, f.typ, tag)
		}
		fmt.Fprintf(b, "}\n\n")
	}
}

// bound are members that are not in the body.
var bound = map[string]string{
	"ListTagsForResourceInput.resourceArn": "path",
	"TagResourceInput.resourceArn":         "path",
	"UntagResourceInput.resourceArn":       "path",
	"UntagResourceInput.tagKeys":           "query",
}

func writeEnums(b *bytes.Buffer, m *model) {
	for _, name := range slices.Sorted(maps.Keys(m.enums)) {
		e := m.enums[name]
		fmt.Fprintf(b, "// %s is the enumeration of that name in the service model. Empty is absent.\ntype %s string\n\n// Values of %s.\nconst (\n", name, name, name)
		for _, v := range e.values {
			fmt.Fprintf(b, "\t%s %s = %q\n", v.name, name, v.text)
		}
		fmt.Fprintf(b, ")\n\n")
		fmt.Fprintf(b, "// Values lists every value that the service model has.\nfunc (%s) Values() []%s {\n\treturn []%s{", name, name, name)
		for i, v := range e.values {
			if i > 0 {
				b.WriteString(", ")
			}
			b.WriteString(v.name)
		}
		fmt.Fprintf(b, "}\n}\n\n")
	}
}

func writeOperations(b *bytes.Buffer, m *model) {
	b.WriteString("import \"context\"\n\n")
	b.WriteString("// A Service answers every operation of the API.\ntype Service interface {\n")
	for _, op := range m.operations {
		fmt.Fprintf(b, "\t%s(ctx context.Context, in *%sInput) (*%sOutput, error)\n", op, op, op)
	}
	b.WriteString("}\n\n// Unimplemented answers every operation with a ClientException that says that it is not there yet. Embed it.\ntype Unimplemented struct{}\n\nvar _ Service = Unimplemented{}\n\n")
	for _, op := range m.operations {
		fmt.Fprintf(b, "// %s implements Service.\nfunc (Unimplemented) %s(context.Context, *%sInput) (*%sOutput, error) {\n\treturn nil, notYet(%q)\n}\n\n", op, op, op, op, op)
	}
	b.WriteString("// Operations is the table of all operations, by name.\nfunc Operations() []Operation {\n\treturn []Operation{\n")
	for _, op := range m.operations {
		method, path := "POST", "/v1/"+strings.ToLower(op)
		switch op {
		case "ListTagsForResource":
			method, path = "GET", "/v1/tags/{resourceArn}"
		case "TagResource":
			path = "/v1/tags/{resourceArn}"
		case "UntagResource":
			method, path = "DELETE", "/v1/tags/{resourceArn}"
		}
		fmt.Fprintf(b, "\t\toperation(%q, %q, %q, Service.%s),\n", op, method, path, op)
	}
	b.WriteString("\t}\n}\n")
}

// writeValidation writes a method Validate for each input, and a function for each structure inside that has something to check.
func writeValidation(b *bytes.Buffer, m *model) {
	checked := m.checked()
	for _, name := range slices.Sorted(maps.Keys(m.structures)) {
		input := strings.HasSuffix(name, "Input")
		if !checked[name] && !input {
			continue
		}
		if input {
			fmt.Fprintf(b, "// Validate checks that required members are there and that values of enumerations are known.\nfunc (in *%s) Validate() error {\n\treturn in.check(\"\")\n}\n\n", name)
		}
		fmt.Fprintf(b, "func (in *%s) check(at string) error {\n", name)
		for _, f := range m.structures[name].members {
			m.writeCheck(b, checked, name, f)
		}
		b.WriteString("\treturn nil\n}\n\n")
	}
}

func (m *model) writeCheck(b *bytes.Buffer, checked map[string]bool, name string, f member) {
	key := name + "." + f.wire
	if f.required && !leftToOperations[key] {
		empty := "in." + f.name + " == nil"
		if m.enums[f.typ] != nil {
			empty = "in." + f.name + ` == ""`
		}
		if text := texts[key]; text != "" {
			fmt.Fprintf(b, "\tif %s {\n\t\treturn Invalid(%q)\n\t}\n", empty, text)
		} else {
			fmt.Fprintf(b, "\tif %s {\n\t\treturn required(at, %q)\n\t}\n", empty, f.wire)
		}
	}
	e := element(f.typ)
	switch {
	case m.enums[e] != nil && !leftToOperations[key]:
		m.writeEnumCheck(b, f)
	case checked[e] && strings.HasPrefix(f.typ, "*"):
		fmt.Fprintf(b, "\tif in.%s != nil {\n\t\tif err := in.%s.check(at + %q); err != nil {\n\t\t\treturn err\n\t\t}\n\t}\n", f.name, f.name, f.wire+".")
	case checked[e] && strings.HasPrefix(f.typ, "[]"):
		fmt.Fprintf(b, "\tfor i := range in.%s {\n\t\tif err := in.%s[i].check(at + %q); err != nil {\n\t\t\treturn err\n\t\t}\n\t}\n", f.name, f.name, f.wire+".")
	}
}

func (m *model) writeEnumCheck(b *bytes.Buffer, f member) {
	switch {
	case strings.HasPrefix(f.typ, "[]"):
		fmt.Fprintf(b, "\tfor _, v := range in.%s {\n\t\tif err := known(at, %q, v); err != nil {\n\t\t\treturn err\n\t\t}\n\t}\n", f.name, f.wire)
	case !strings.Contains(f.typ, "["):
		fmt.Fprintf(b, "\tif err := known(at, %q, in.%s); err != nil {\n\t\treturn err\n\t}\n", f.wire, f.name)
	}
}

// checked are the structures that can be wrong: inside an input, with a required member or an enumeration, or with such a structure inside.
func (m *model) checked() map[string]bool {
	var inside func(name string, seen map[string]bool)
	reached := map[string]bool{}
	inside = func(name string, seen map[string]bool) {
		if s := m.structures[name]; s != nil && !seen[name] {
			seen[name] = true
			for _, f := range s.members {
				inside(element(f.typ), seen)
			}
		}
	}
	for _, op := range m.operations {
		inside(op+"Input", reached)
	}
	checked := map[string]bool{}
	for changed := true; changed; {
		changed = false
		for name := range reached {
			if checked[name] {
				continue
			}
			for _, f := range m.structures[name].members {
				e := element(f.typ)
				ours := leftToOperations[name+"."+f.wire]
				if f.required && !ours || m.enums[e] != nil && !ours || checked[e] {
					checked[name], changed = true, true
				}
			}
		}
	}
	return checked
}
