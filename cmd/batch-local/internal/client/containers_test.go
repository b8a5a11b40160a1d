package client

import (
	"fmt"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/batch/types"
	"github.com/google/go-cmp/cmp"
)

// code is an exit code; below 0 there is none.
func code(n int32) *int32 {
	if n < 0 {
		return nil
	}
	return &n
}

func word(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// TestResult: which container's exit code is the job's.
func TestResult(t *testing.T) {
	type ended struct {
		code   int32
		reason string
		aside  bool // not essential, or an init container
	}
	task := func(status types.JobStatus, list ...ended) types.JobDetail {
		is := types.EcsTaskDetails{}
		for i, e := range list {
			is.Containers = append(is.Containers, types.TaskContainerDetails{Name: aws.String(fmt.Sprint(i)), Essential: aws.Bool(!e.aside), ExitCode: code(e.code), Reason: word(e.reason)})
		}
		return types.JobDetail{Status: status, EcsProperties: &types.EcsPropertiesDetail{TaskProperties: []types.EcsTaskDetails{is}}}
	}
	pods := func(status types.JobStatus, list ...ended) types.JobDetail {
		is := types.EksAttemptDetail{}
		for i, e := range list {
			c := types.EksAttemptContainerDetail{Name: aws.String(fmt.Sprint(i)), ExitCode: code(e.code), Reason: word(e.reason)}
			if e.aside {
				is.InitContainers = append(is.InitContainers, c)
			} else {
				is.Containers = append(is.Containers, c)
			}
		}
		earlier := types.EksAttemptDetail{Containers: []types.EksAttemptContainerDetail{{Name: aws.String("0"), ExitCode: aws.Int32(99)}}}
		return types.JobDetail{Status: status, EksAttempts: []types.EksAttemptDetail{earlier, is}, EksProperties: &types.EksPropertiesDetail{PodProperties: &types.EksPodPropertiesDetail{}}}
	}
	const well, failed = types.JobStatusSucceeded, types.JobStatusFailed
	nodes := types.JobDetail{Status: failed, NodeProperties: &types.NodeProperties{}, Attempts: []types.AttemptDetail{
		{Container: &types.AttemptContainerDetail{ExitCode: aws.Int32(1)}}, {Container: &types.AttemptContainerDetail{ExitCode: aws.Int32(7)}}}}
	podNodes := pods(failed, ended{code: 8})
	podNodes.EksProperties, podNodes.NodeProperties = nil, &types.NodeProperties{}
	for name, c := range map[string]struct {
		job       types.JobDetail
		exit      int
		container string
	}{
		"one":                                {types.JobDetail{Status: failed, Container: &types.ContainerDetail{ExitCode: aws.Int32(4)}}, 4, ""},
		"one that never ran":                 {types.JobDetail{Status: failed, Container: &types.ContainerDetail{}}, 1, ""},
		"an array":                           {types.JobDetail{Status: failed, Container: &types.ContainerDetail{}, ArrayProperties: &types.ArrayPropertiesDetail{}}, 1, ""},
		"one of a task":                      {task(failed, ended{code: 4}), 4, ""},
		"a task that went well":              {task(well, ended{code: 0}, ended{code: 0}), 0, "0"},
		"its sidecar failed":                 {task(well, ended{code: 5, aside: true}, ended{code: 0}), 0, "1"},
		"an essential one was stopped after": {task(well, ended{code: 143}, ended{code: 0}), 0, "1"},
		"the second failed":                  {task(failed, ended{code: 0}, ended{code: 3}), 3, "1"},
		"the first of two":                   {task(failed, ended{code: 6}, ended{code: 3}), 6, "0"},
		"the other was stopped":              {task(failed, ended{code: 143}, ended{code: 3}), 3, "1"},
		"the other was killed":               {task(failed, ended{code: 137}, ended{code: 3}), 3, "1"},
		"out of memory":                      {task(failed, ended{code: 143}, ended{code: 137, reason: "OutOfMemoryError: no"}), 137, "1"},
		"all were stopped":                   {task(failed, ended{code: 143}, ended{code: 143}), 143, "0"},
		"a sidecar did not start":            {task(failed, ended{code: -1, reason: "CannotPullContainerError: no", aside: true}, ended{code: 143}), 1, "0"},
		"stopped, and ended well":            {task(failed, ended{code: 0}), 1, ""},
		"a task that never ran":              {task(failed, ended{code: -1}, ended{code: -1}), 1, ""},
		"a pod":                              {pods(well, ended{code: 0, aside: true}, ended{code: 0}), 0, ""},
		"a pod of one":                       {pods(failed, ended{code: 9}), 9, ""},
		"the second of a pod":                {pods(failed, ended{code: 0}, ended{code: 9}, ended{code: 10}), 9, "1"},
		"an init container":                  {pods(failed, ended{code: -1}, ended{code: 2, aside: true}), 2, "1"},
		"one that did not start":             {pods(failed, ended{code: -1, reason: "ErrImagePull"}, ended{code: 2}), 1, "0"},
		"nodes":                              {nodes, 7, ""},
		"nodes of pods":                      {podNodes, 8, ""},
	} {
		if got := ExitCode(c.job); got != c.exit {
			t.Errorf("%s: exit code %d, want %d", name, got, c.exit)
		}
		if got := ResultOf(c.job).Container; got != c.container {
			t.Errorf("%s: it is that of %q, want %q", name, got, c.container)
		}
	}
}

func TestContainers(t *testing.T) {
	main := types.JobDetail{NodeProperties: &types.NodeProperties{NumNodes: aws.Int32(5), MainNode: aws.Int32(2), NodeRangeProperties: []types.NodeRangeProperty{
		{TargetNodes: aws.String("0:"), Container: &types.ContainerProperties{Image: aws.String("all")}},
		{TargetNodes: aws.String("2:3"), Container: &types.ContainerProperties{Image: aws.String("main")}},
		{TargetNodes: aws.String("4"), Container: &types.ContainerProperties{Image: aws.String("last")}}}}}
	for name, c := range map[string]struct {
		job  types.JobDetail
		want []string
	}{
		"one":     {job("x"), []string{"default"}},
		"a task":  {tasks(), []string{"a", "b"}},
		"a pod":   {pod("p"), []string{"i", "k", "a", "b"}},
		"a child": {types.JobDetail{Container: &types.ContainerDetail{}, ArrayProperties: &types.ArrayPropertiesDetail{Index: aws.Int32(0)}}, []string{"default"}},
		"array":   {types.JobDetail{Container: &types.ContainerDetail{}, ArrayProperties: &types.ArrayPropertiesDetail{Size: aws.Int32(2)}}, nil},
		"nodes":   {main, nil},
	} {
		if diff := cmp.Diff(c.want, Containers(c.job)); diff != "" {
			t.Errorf("%s: containers (-want +got):\n%s", name, diff)
		}
	}
	if got := aws.ToString(mainNode(main).Image); got != "main" {
		t.Errorf("the main node has the image %s", got)
	}
}
