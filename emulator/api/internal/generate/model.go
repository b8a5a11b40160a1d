package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// A model is what the SDK's source says of the service.
type model struct {
	structures map[string]*structure
	enums      map[string]*enum
	operations []string
}

type structure struct {
	name    string
	members []member
}

type member struct {
	name     string // in Go
	wire     string
	typ      string // in Go: *string, []KeyValuePair, map[string]string, CEState, *ComputeResource
	required bool
}

type enum struct {
	name   string
	values []value
}

type value struct{ name, text string }

func readModel(dir string) (*model, error) {
	m := &model{structures: map[string]*structure{}, enums: map[string]*enum{}}
	files, err := filepath.Glob(filepath.Join(dir, "api_op_*.go"))
	if err != nil {
		return nil, err
	}
	for _, f := range files {
		m.operations = append(m.operations, strings.TrimSuffix(strings.TrimPrefix(filepath.Base(f), "api_op_"), ".go"))
	}
	slices.Sort(m.operations)
	files = append(files, filepath.Join(dir, "types", "types.go"), filepath.Join(dir, "types", "enums.go"))
	for _, path := range files {
		f, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ParseComments)
		if err != nil {
			return nil, err
		}
		m.read(f)
	}
	return m, nil
}

func (m *model) read(f *ast.File) {
	for _, d := range f.Decls {
		g, ok := d.(*ast.GenDecl)
		if !ok {
			continue
		}
		for _, spec := range g.Specs {
			switch s := spec.(type) {
			case *ast.TypeSpec:
				m.readType(s)
			case *ast.ValueSpec:
				m.readValue(s)
			}
		}
	}
}

func (m *model) readType(s *ast.TypeSpec) {
	switch t := s.Type.(type) {
	case *ast.Ident:
		if t.Name == "string" && s.Name.IsExported() {
			m.enums[s.Name.Name] = &enum{name: s.Name.Name}
		}
	case *ast.StructType:
		if m.wanted(s.Name.Name) {
			m.structures[s.Name.Name] = readStructure(s.Name.Name, t)
		}
	}
}

// wanted leaves out what the SDK adds for clients: paginators, options, errors.
func (m *model) wanted(name string) bool {
	for _, suffix := range []string{"Paginator", "PaginatorOptions", "Exception"} {
		if strings.HasSuffix(name, suffix) {
			return false
		}
	}
	return ast.IsExported(name)
}

func readStructure(name string, t *ast.StructType) *structure {
	s := &structure{name: name}
	for _, f := range t.Fields.List {
		if len(f.Names) != 1 || !f.Names[0].IsExported() || f.Names[0].Name == "ResultMetadata" {
			continue
		}
		n := f.Names[0].Name
		s.members = append(s.members, member{
			name: n, wire: strings.ToLower(n[:1]) + n[1:], typ: typeOf(f.Type),
			required: strings.Contains(f.Doc.Text(), "This member is required."),
		})
	}
	return s
}

// typeOf writes a type of the SDK as ours: the same without the package.
func typeOf(e ast.Expr) string {
	switch t := e.(type) {
	case *ast.Ident:
		return t.Name
	case *ast.SelectorExpr:
		return t.Sel.Name
	case *ast.StarExpr:
		return "*" + typeOf(t.X)
	case *ast.ArrayType:
		return "[]" + typeOf(t.Elt)
	case *ast.MapType:
		return "map[" + typeOf(t.Key) + "]" + typeOf(t.Value)
	}
	panic(fmt.Sprintf("a type that the generator does not know: %T", e))
}

func (m *model) readValue(s *ast.ValueSpec) {
	t, ok := s.Type.(*ast.Ident)
	if !ok || m.enums[t.Name] == nil || len(s.Values) != 1 {
		return
	}
	text, err := strconv.Unquote(s.Values[0].(*ast.BasicLit).Value)
	if err != nil {
		return
	}
	m.enums[t.Name].values = append(m.enums[t.Name].values, value{s.Names[0].Name, text})
}

// element is the named type inside a list, map or pointer.
func element(typ string) string {
	for {
		switch {
		case strings.HasPrefix(typ, "*"):
			typ = typ[1:]
		case strings.HasPrefix(typ, "[]"):
			typ = typ[2:]
		case strings.HasPrefix(typ, "map["):
			typ = typ[strings.Index(typ, "]")+1:]
		default:
			return typ
		}
	}
}
