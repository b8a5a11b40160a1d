package main

import (
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/batch"
	"github.com/aws/aws-sdk-go-v2/service/batch/types"
)

// TestWhyOfAnArray: "Array Child Job failed" is all that AWS says of it; the children that failed say more. Of many the first are named.
func TestWhyOfAnArray(t *testing.T) {
	s := newSite(t)
	array := func(name, outcome string, size int32) string {
		return s.submit(name, "tasks", &batch.RegisterJobDefinitionInput{ContainerProperties: &types.ContainerProperties{Image: aws.String("i"), ResourceRequirements: small, Environment: scripted(outcome)}},
			func(in *batch.SubmitJobInput) { in.ArrayProperties = &types.ArrayProperties{Size: &size} })
	}
	id := array("greedy", `{"oom":true}`, 8)
	s.run("wait greedy", "", 1)
	_, out, said := start(t, nil, "why", "--endpoint", s.url, "greedy").end()
	want := []string{id + " (greedy) is FAILED. ", "", "FAILED CHILD "}
	for i := range 5 {
		want = append(want, fmt.Sprintf("%s:%d  137   OutOfMemoryError: Container killed due to memory usage", id, i))
	}
	want = append(want, "and 3 more", "")
	lines := strings.Split(out, "\n")
	if len(lines) != len(want) {
		t.Fatalf("it printed:\n%s\nand said:\n%s", out, said)
	}
	for i, line := range lines {
		if !strings.HasPrefix(line, want[i]) {
			t.Errorf("line %d is %q, want %q", i, line, want[i])
		}
	}
	id = array("well", `{}`, 2)
	s.run("wait well", "", 0)
	s.run("why well", "", 0, id+" (well) is SUCCEEDED. Nothing keeps it.")
}
