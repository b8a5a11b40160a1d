package seed

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"reflect"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/batch-local/batch-local/emulator/api"
)

// A kind is one list of the file.
type kind struct {
	list, operation string
	name            string // the member that names a resource
}

// kinds are in the order in which they are created: what others name comes before them.
func kinds() []kind {
	return []kind{
		{"consumableResources", "CreateConsumableResource", "consumableResourceName"},
		{"schedulingPolicies", "CreateSchedulingPolicy", "name"},
		{"computeEnvironments", "CreateComputeEnvironment", "computeEnvironmentName"},
		{"serviceEnvironments", "CreateServiceEnvironment", "serviceEnvironmentName"},
		{"jobQueues", "CreateJobQueue", "jobQueueName"},
		{"quotaShares", "CreateQuotaShare", "quotaShareName"},
		{"jobDefinitions", "RegisterJobDefinition", "jobDefinitionName"},
	}
}

// lists are the names of all kinds, as members are listed: in the order of the alphabet.
func lists() (names []string) {
	for _, k := range kinds() {
		names = append(names, k.list)
	}
	slices.Sort(names)
	return names
}

// A File is a seed that was read.
type File struct {
	path  string
	items []item
}

// An item is one resource.
type item struct {
	line int
	kind kind
	name string
	in   api.Input
	op   api.Operation
}

// Read reads a file. Its errors name file and line; there is one line for each mistake.
func Read(path string) (*File, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err // names the file
	}
	return parse(path, text)
}

func parse(path string, text []byte) (*File, error) {
	f := &File{path: path}
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	var document, second yaml.Node
	switch err := decoder.Decode(&document); {
	case errors.Is(err, io.EOF):
		return f, nil
	case err != nil:
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if err := decoder.Decode(&second); !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("%s: it must be one YAML document", path)
	}
	root := document.Content[0]
	if root.Kind == yaml.ScalarNode && root.Tag == "!!null" { // nothing but comments
		return f, nil
	}
	r := reader{path: path}
	f.items = r.root(root)
	return f, errors.Join(r.wrong...)
}

// root reads the lists, in the order of kinds.
func (r *reader) root(n *yaml.Node) (items []item) {
	if n.Kind != yaml.MappingNode {
		r.fail(n, "", "it must be lists of resources under their kinds")
		return nil
	}
	for i := 0; i < len(n.Content); i += 2 {
		key := n.Content[i]
		if known := lists(); !slices.Contains(known, key.Value) {
			r.fail(key, key.Value, "there is no such kind; there are %s", strings.Join(known, ", "))
		}
	}
	for _, k := range kinds() {
		op, _ := operation(k.operation)
		for i := 0; i < len(n.Content); i += 2 {
			if n.Content[i].Value != k.list {
				continue
			}
			list := resolve(n.Content[i+1])
			if list.Kind != yaml.SequenceNode {
				r.fail(list, k.list, "it must be a list")
				continue
			}
			for at, one := range list.Content {
				in := op.New()
				path := fmt.Sprintf("%s[%d]", k.list, at)
				r.fill(one, reflect.ValueOf(in).Elem(), path)
				items = append(items, item{line: one.Line, kind: k, name: text(in, k.name), in: in, op: op})
			}
		}
	}
	return items
}

func operation(name string) (api.Operation, bool) {
	for _, op := range api.Operations() {
		if op.Name == name {
			return op, true
		}
	}
	return api.Operation{}, false
}

// text is a member of an input by its name on the wire.
func text(in api.Input, member string) string {
	v := reflect.ValueOf(in).Elem()
	if i, ok := memberOf(v.Type(), member); ok {
		if p, ok := v.Field(i).Interface().(*string); ok {
			return api.Value(p)
		}
	}
	return ""
}

// A Result is what became of one resource.
type Result struct {
	Kind, Name string
	Existed    bool
}

// Apply creates what is missing, in the scope of the context's caller, and tells of each resource. It ends with the first that is refused; what was
// created before stays, and is found when the file is applied again.
func (f *File) Apply(ctx context.Context, s api.Service, tell func(Result) error) error {
	for _, i := range f.items {
		existed, err := i.create(ctx, s)
		if err == nil {
			err = tell(Result{i.kind.list, i.name, existed})
		}
		if err != nil {
			var refusal *api.Error
			if errors.As(err, &refusal) {
				err = errors.New(refusal.Message)
			}
			return fmt.Errorf("%s:%d: %s %s: %w", f.path, i.line, i.kind.list, i.name, err)
		}
	}
	return nil
}

// alreadyExists is what the service says of a name in use.
const alreadyExists = "Object already exists"

func (i item) create(ctx context.Context, s api.Service) (existed bool, err error) {
	if err := i.in.Validate(); err != nil {
		return false, err
	}
	if i.kind.operation == "RegisterJobDefinition" { // which would make a new revision
		found, err := s.DescribeJobDefinitions(ctx, &api.DescribeJobDefinitionsInput{JobDefinitionName: &i.name, Status: new("ACTIVE")})
		if err == nil && len(found.JobDefinitions) > 0 {
			return true, nil
		}
	}
	_, err = i.op.Call(ctx, s, i.in)
	var refusal *api.Error
	if errors.As(err, &refusal) && refusal.Message == alreadyExists {
		return true, nil
	}
	return false, err
}
