package emulator

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/batch-local/batch-local/emulator/batch"
	"github.com/batch-local/batch-local/emulator/control"
	"github.com/batch-local/batch-local/emulator/runner"
)

// Exec implements control.Emulator.
func (e *Emulator) Exec(ctx context.Context, job, container string) (control.Start, error) {
	attempt, container, err := e.running(ctx, job, container)
	if err != nil {
		return nil, err
	}
	if e.powers.execer == nil {
		return nil, refused(control.ErrConflict, "jobs of the %s driver have no containers in which a command could run", e.driver.Capabilities().Name)
	}
	return func(ctx context.Context, x control.Exec) (int, error) {
		ctx, leave, err := e.commands.enter(ctx)
		if err != nil {
			return 0, err
		}
		ended := make(chan result, 1)
		go func() {
			defer leave() // which ends ctx, after the result is there
			code, err := e.powers.execer.Exec(ctx, attempt, runner.Exec{
				Container: container, Command: x.Command, TTY: x.TTY,
				Stdin: x.Stdin, Stdout: x.Stdout, Stderr: x.Stderr, Resize: sizes(ctx, x.Resize),
			})
			switch {
			case errors.Is(err, runner.ErrNotRunning):
				err = fmt.Errorf("job %s: %w (any more)", job, err)
			case err != nil && ctx.Err() != nil:
				err = errEnding
			}
			ended <- result{code, err}
		}()
		select {
		case r := <-ended:
			return r.code, r.err
		case <-ctx.Done(): // it may be in a write to a caller that does not read; whose connection is closed now
		}
		select {
		case r := <-ended:
			return r.code, r.err
		default:
			return 0, errEnding // or the caller is gone, and nobody reads it
		}
	}, nil
}

type result struct {
	code int
	err  error
}

// running finds the attempt of a job that runs, and the container that is meant.
func (e *Emulator) running(ctx context.Context, job, container string) (attempt batch.AttemptID, name string, err error) {
	var task batch.Task
	failure := e.engine.View(ctx, func(s *batch.State) {
		j := s.AnyJob(batch.JobID(job))
		switch {
		case j == nil:
			err = refused(control.ErrUnknown, "there is no job %s", job)
		case j.Array != nil:
			err = refused(control.ErrConflict, "job %s is an array; its children run, the first is %s", job, j.ID.Child(0))
		case j.Nodes != nil:
			err = refused(control.ErrConflict, "job %s has several nodes; say which, the main one is %s", job, j.ID.Node(j.Nodes.Main))
		case j.Status != batch.RunningOn || j.Live() == nil:
			err = refused(control.ErrConflict, "job %s is %s, not RUNNING", job, j.Status)
		default:
			task, _ = s.TaskOf(j)
		}
	})
	if failure != nil || err != nil {
		return attempt, "", errors.Join(failure, err)
	}
	var names []string
	for _, c := range task.Containers {
		names = append(names, c.Name)
	}
	switch {
	case len(names) == 0:
		return attempt, "", refused(control.ErrConflict, "job %s has no containers", job)
	case container == "" && len(names) == 1:
		container = names[0]
	case container != "" && !slices.Contains(names, container):
		return attempt, "", refused(control.ErrUnknown, "job %s has no container %s; it has %v", job, container, names)
	}
	return task.Attempt, container, nil
}

// sizes hands sizes of a terminal on in the driver's own type.
func sizes(ctx context.Context, from <-chan control.Size) <-chan runner.Size {
	if from == nil {
		return nil
	}
	to := make(chan runner.Size)
	go func() {
		for {
			select {
			case size, more := <-from:
				if !more {
					return
				}
				select {
				case to <- runner.Size(size):
				case <-ctx.Done():
					return
				}
			case <-ctx.Done():
				return
			}
		}
	}()
	return to
}

var errEnding = errors.New("the server ends")

// commands are those that run in containers. They end with the emulator.
type commands struct {
	mu   sync.Mutex
	over bool
	ends map[*context.CancelFunc]bool
	live sync.WaitGroup
}

// enter answers the context of one more, and what to call when it has ended.
func (c *commands) enter(ctx context.Context) (context.Context, func(), error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.over {
		return nil, nil, errEnding
	}
	ctx, cancel := context.WithCancel(ctx)
	if c.ends == nil {
		c.ends = map[*context.CancelFunc]bool{}
	}
	c.ends[&cancel] = true
	c.live.Add(1)
	return ctx, func() {
		c.mu.Lock()
		delete(c.ends, &cancel)
		c.mu.Unlock()
		cancel()
		c.live.Done()
	}, nil
}

// end ends them all, and lets no more begin.
func (c *commands) end() {
	c.mu.Lock()
	c.over = true
	for cancel := range c.ends {
		(*cancel)()
	}
	c.mu.Unlock()
	c.live.Wait()
}
