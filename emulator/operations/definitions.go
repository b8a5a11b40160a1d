package operations

import (
	"context"
	"strconv"
	"strings"

	"github.com/batch-local/batch-local/emulator/api"
	"github.com/batch-local/batch-local/emulator/batch"
)

// RegisterJobDefinition adds a revision of a job definition (jobs.md 10.1).
func (s *Service) RegisterJobDefinition(ctx context.Context, in *api.RegisterJobDefinitionInput) (*api.RegisterJobDefinitionOutput, error) {
	if err := checkDefinition(in, api.CallerFrom(ctx).Size); err != nil {
		return nil, err
	}
	detail := definitionDetail(in)
	var out api.RegisterJobDefinitionOutput
	err := s.update(ctx, func(tx *batch.Tx) error {
		platform := platformOf(in.PlatformCapabilities)
		if detail.ContainerOrchestrationType == api.OrchestrationTypeEks {
			platform = batch.EKS
		}
		d := tx.RegisterDefinition(scope(ctx), *in.JobDefinitionName, platform, detail)
		out = api.RegisterJobDefinitionOutput{
			JobDefinitionArn:  new(string(d.ARN)),
			JobDefinitionName: &d.Name,
			Revision:          new(int32(d.Revision)),
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &out, nil
}

// DeregisterJobDefinition makes a revision INACTIVE (jobs.md 10.2). A revision that does not exist is no error.
func (s *Service) DeregisterJobDefinition(ctx context.Context, in *api.DeregisterJobDefinitionInput) (*api.DeregisterJobDefinitionOutput, error) {
	given := api.Value(in.JobDefinition)
	arn, err := revisionARN(scope(ctx), given)
	if err != nil {
		return nil, err
	}
	err = s.update(ctx, func(tx *batch.Tx) error {
		tx.DeregisterDefinition(arn)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &api.DeregisterJobDefinitionOutput{}, nil
}

// revisionARN is the revision that name:revision or an ARN stands for.
func revisionARN(at batch.Scope, given string) (batch.ARN, error) {
	name := given
	if strings.HasPrefix(given, "arn:") {
		owner, kind, rest, ok := batch.ARN(given).Parts()
		switch {
		case !ok || kind != "job-definition":
			return "", wire(batch.UnsupportedName(given))
		case owner != at:
			return "", api.ClientError("JobDefinition %s not found.", given)
		}
		name = rest
	}
	base, number, found := strings.Cut(name, ":")
	revision, err := strconv.Atoi(number)
	switch {
	case !batch.LegalName(base) || found && (err != nil || revision < 1 || strconv.Itoa(revision) != number):
		return "", wire(batch.UnsupportedName(given))
	case !found:
		// Guess: the field's text demands a revision; the answer to a bare name was not seen (jobs.md 10.2).
		return "", api.ClientError("A revision of the job definition must be provided: %s", given)
	}
	return at.ARN("job-definition", name), nil
}

// DescribeJobDefinitions answers revisions: those that are named, those of a name, or all; grouped by name, newest first
// (jobs.md 10.4). Unknown ones are left out.
func (s *Service) DescribeJobDefinitions(ctx context.Context, in *api.DescribeJobDefinitionsInput) (*api.DescribeJobDefinitionsOutput, error) {
	if err := checkList("JobDefinitions", in.JobDefinitions, in.MaxResults); err != nil {
		return nil, err
	}
	wanted, err := definitionFilter(in)
	if err != nil {
		return nil, err
	}
	if len(in.JobDefinitions) > 0 {
		return s.describeRevisions(ctx, in.JobDefinitions, wanted)
	}
	limit, err := pageSize(in.MaxResults)
	if err != nil {
		return nil, err
	}
	name := api.Value(in.JobDefinitionName)
	of := "DescribeJobDefinitions " + name + " " + api.Value(in.Status)
	from, after, err := revisionPosition(of, in.NextToken)
	if err != nil {
		return nil, err
	}
	if from == "" {
		from = name
	}
	out := &api.DescribeJobDefinitionsOutput{JobDefinitions: []api.JobDefinition{}}
	err = s.view(ctx, func(state *batch.State) error {
		var last *batch.Definition
		for d := range state.DefinitionsFrom(scope(ctx), from, after) {
			switch {
			case name != "" && d.Name != name:
				return nil
			case d.Name == from && d.Revision == after || !wanted(d):
				continue
			case len(out.JobDefinitions) == limit:
				out.NextToken = token(of, last.Name+":"+strconv.Itoa(last.Revision))
				return nil
			}
			out.JobDefinitions = append(out.JobDefinitions, *d.Detail)
			last = d
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// describeRevisions finds each revision by its ARN. A bare name finds nothing, which is no error either (jobs.md 10.4).
func (s *Service) describeRevisions(ctx context.Context, names []string, wanted func(*batch.Definition) bool) (*api.DescribeJobDefinitionsOutput, error) {
	at := scope(ctx)
	out := &api.DescribeJobDefinitionsOutput{JobDefinitions: make([]api.JobDefinition, 0, len(names))}
	err := s.view(ctx, func(state *batch.State) error {
		seen := make(map[batch.ARN]bool, len(names))
		for _, name := range names {
			arn := batch.Resolve(at, "job-definition", name)
			if d := state.Definition(arn); d != nil && wanted(d) && !seen[arn] {
				seen[arn] = true
				out.JobDefinitions = append(out.JobDefinitions, *d.Detail)
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// definitionFilter tests for the status and, beside a list of revisions, for the name.
//
// Guess: the documentation says that a list excludes the other members, yet status works beside it (jobs.md 10.4); the name is
// taken to do so too.
func definitionFilter(in *api.DescribeJobDefinitionsInput) (func(*batch.Definition) bool, error) {
	name, status := api.Value(in.JobDefinitionName), api.Value(in.Status)
	switch status {
	case "", "ACTIVE", "INACTIVE":
	default:
		// Guess: other words are refused; the text was not seen.
		return nil, api.Invalid("status %s is not valid. Valid values are: [ACTIVE, INACTIVE]", status)
	}
	return func(d *batch.Definition) bool {
		return (name == "" || d.Name == name) && (status == "" || api.Value(d.Detail.Status) == status)
	}, nil
}

// revisionPosition reads a token: the revision that the page before ended with.
func revisionPosition(of string, given *string) (name string, revision int, err error) {
	at, err := position(of, given)
	if err != nil || at == "" {
		return "", 0, err
	}
	name, number, _ := strings.Cut(at, ":")
	if revision, err = strconv.Atoi(number); err != nil {
		return "", 0, api.ClientError("Invalid NextToken")
	}
	return name, revision, nil
}

// platformOf is EC2 unless a definition says otherwise (jobs.md 10.7).
func platformOf(capabilities []api.PlatformCapability) batch.Platform {
	for _, c := range capabilities {
		return batch.Platform(c)
	}
	return batch.EC2
}
