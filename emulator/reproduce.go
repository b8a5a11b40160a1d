package emulator

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"

	"github.com/batch-local/batch-local/emulator/batch"
	"github.com/batch-local/batch-local/emulator/control"
	"github.com/batch-local/batch-local/emulator/operations"
)

// Reproduction says how to run a job by hand.
type Reproduction = control.Reproduction

// Reproduce implements control.Emulator.
func (e *Emulator) Reproduce(ctx context.Context, job string) (Reproduction, error) {
	told := Reproduction{Docker: [][]string{}, AWS: [][]string{}, Notes: []string{}}
	var (
		task    batch.Task
		placed  bool
		failure error
	)
	note := func(format string, args ...any) { told.Notes = append(told.Notes, fmt.Sprintf(format, args...)) }
	err := e.engine.View(ctx, func(s *batch.State) {
		j := s.AnyJob(batch.JobID(job))
		if j == nil {
			failure = refused(control.ErrUnknown, "there is no job %s", job)
			return
		}
		operation, input := "submit-job", any(nil)
		if j.Service != nil {
			operation, input = "submit-service-job", operations.ServiceSubmission(j)
		} else {
			input = operations.Submission(s, j)
		}
		told.AWS = append(told.AWS, append([]string{"aws", "batch", operation}, options(input)...))
		if j.ID.Mark() != 0 {
			note("Job %s was not submitted itself: aws submits all of %s.", j.ID, j.ID.Parent())
		}
		switch task, placed = s.TaskOf(j); {
		case j.Array != nil:
			note("An array has no container of its own. To see that of a child: %s.", j.ID.Child(0))
		case j.Nodes != nil:
			note("A multi-node job has no container of its own. To see that of a node: %s.", j.ID.Node(0))
		case !placed:
			note("Job %s has not been placed yet, so nobody knows what its container will be like.", j.ID)
		}
	})
	switch {
	case err != nil:
		return Reproduction{}, err
	case failure != nil:
		return Reproduction{}, failure
	case !placed:
		return told, nil
	}
	if e.powers.reproducer == nil {
		note("The %s driver runs no containers.", e.driver.Capabilities().Name)
		return told, nil
	}
	commands, err := e.powers.reproducer.Reproduce(task)
	if err != nil {
		note("The container cannot be reproduced: %v.", err)
		return told, nil
	}
	told.Docker = append(told.Docker, commands...)
	if len(commands) > 1 {
		note("The containers share a network and volumes, and start in their order. By hand each has its own; they are, in this order: %s.", strings.Join(names(task), ", "))
	}
	if text := credentials(task); text != "" {
		note("%s By hand there are none: give it credentials by --env.", text)
	}
	for _, c := range task.Containers {
		if c.Properties != nil && len(c.Properties.Secrets) > 0 {
			note("Secrets of container %s are named without their values: set these variables before.", c.Name)
		}
		if len(c.Files) > 0 {
			note("Files are put into container %s before it starts, which docker run does not: %s and what is beside it.", c.Name, c.Files[0].Path)
		}
	}
	if r, ok := e.powers.reproducer.(unsayer); ok {
		told.Notes = append(told.Notes, r.Unsaid(task)...)
	}
	return told, nil
}

// credentials says where a task finds some, and what else; "" if nowhere.
func credentials(t batch.Task) string {
	switch {
	case t.JobRole != "":
		return "The job has the credentials of its role, and its metadata, at 169.254.170.2."
	case t.HostRole != "":
		return "The job has no role of its own, but the credentials of its instance's role, and the instance's metadata, at 169.254.169.254."
	}
	return ""
}

// An unsayer is a reproducer that knows what its commands lack, a sentence each.
type unsayer interface{ Unsaid(t batch.Task) []string }

func names(t batch.Task) (list []string) {
	for _, c := range t.Containers {
		list = append(list, c.Name)
	}
	return list
}

// options are the members of a request as the AWS command line takes them, in the order of the model: texts and numbers as they are, structures in JSON.
func options(input any) (words []string) {
	v := reflect.ValueOf(input).Elem()
	for i := range v.NumField() {
		field := v.Field(i)
		if field.IsZero() {
			continue
		}
		member, _, _ := strings.Cut(v.Type().Field(i).Tag.Get("json"), ",")
		name := "--" + dashed(member)
		for field.Kind() == reflect.Pointer {
			field = field.Elem()
		}
		switch field.Kind() {
		case reflect.Bool:
			if !field.Bool() {
				name = "--no-" + dashed(member)
			}
			words = append(words, name)
		case reflect.String:
			words = append(words, name, field.String())
		case reflect.Int32, reflect.Int64:
			words = append(words, name, fmt.Sprint(field.Int()))
		default:
			if text := inJSON(field.Interface()); text != "{}" && text != "[]" {
				words = append(words, name, text)
			}
		}
	}
	return words
}

// dashed is the name of a member as the AWS command line has it.
func dashed(member string) string {
	var b strings.Builder
	for _, r := range member {
		if r >= 'A' && r <= 'Z' {
			b.WriteByte('-')
			r += 'a' - 'A'
		}
		b.WriteRune(r)
	}
	return b.String()
}

func inJSON(value any) string {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false) // people read it
	if err := encoder.Encode(value); err != nil {
		return "" // cannot happen: it came as JSON
	}
	return strings.TrimSpace(b.String())
}
