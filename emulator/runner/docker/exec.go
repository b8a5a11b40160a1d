package docker

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/pkg/stdcopy"
	"github.com/google/uuid"

	"github.com/batch-local/batch-local/emulator/batch"
	"github.com/batch-local/batch-local/emulator/runner"
)

var _ runner.Execer = (*Driver)(nil)

// execMark is the variable by which the processes of a command are found again.
const execMark = "BATCH_LOCAL_EXEC"

const endOfTransmission = 4 // Ctrl-D

// Exec implements runner.Execer.
func (d *Driver) Exec(ctx context.Context, attempt batch.AttemptID, e runner.Exec) (exitCode int, err error) {
	id, err := d.runningContainer(ctx, attempt, e.Container)
	if err != nil {
		return 0, err
	}
	mark := execMark + "=" + uuid.NewString()
	size := firstSize(e.Resize)
	made, err := d.client.ContainerExecCreate(ctx, id, container.ExecOptions{
		Cmd: e.Command, Env: []string{mark}, Tty: e.TTY, ConsoleSize: size,
		AttachStdin: e.Stdin != nil, AttachStdout: true, AttachStderr: !e.TTY,
	})
	if err != nil {
		return 0, notRunning(err)
	}
	conn, err := d.client.ContainerExecAttach(ctx, made.ID, container.ExecAttachOptions{Tty: e.TTY, ConsoleSize: size})
	if err != nil {
		return 0, notRunning(err)
	}
	defer conn.Close()
	done := make(chan struct{})
	defer close(done)
	// The engine goes on with a command whose connection breaks, so the break is only how our own reading ends.
	defer context.AfterFunc(ctx, conn.Close)()
	if e.Stdin != nil {
		go func() {
			_, _ = io.Copy(conn.Conn, e.Stdin) // a command that reads no more is its own affair
			if e.TTY {
				// A terminal has no other end of input than Ctrl-D; and the engine takes a closed input for the wish to see no more output.
				_, _ = conn.Conn.Write([]byte{endOfTransmission})
				return
			}
			_ = conn.CloseWrite()
		}()
	}
	if e.Resize != nil {
		go d.resize(ctx, made.ID, size, e.Resize, done)
	}
	if e.TTY {
		_, err = io.Copy(e.Stdout, conn.Reader)
	} else {
		_, err = stdcopy.StdCopy(e.Stdout, e.Stderr, conn.Reader)
	}
	if ctx.Err() != nil || err != nil { // the caller is gone, or cannot be written to
		d.endExec(context.WithoutCancel(ctx), id, made.ID, mark)
		return 0, errors.Join(ctx.Err(), err)
	}
	return d.execCode(ctx, made.ID)
}

// runningContainer finds the attempt's container of a name; the oldest if the name is empty.
func (d *Driver) runningContainer(ctx context.Context, attempt batch.AttemptID, name string) (id string, err error) {
	list, err := d.client.ContainerList(ctx, container.ListOptions{Filters: ours(d.options.Instance, of(attempt)...)})
	if err != nil {
		return "", err
	}
	list = slices.DeleteFunc(list, func(c container.Summary) bool {
		is := c.Labels[labelContainer]
		return name != "" && is != name || is == pauseName
	})
	if len(list) == 0 {
		return "", runner.ErrNotRunning
	}
	return slices.MinFunc(list, func(a, b container.Summary) int { return int(a.Created - b.Created) }).ID, nil
}

// notRunning tells the container that has ended meanwhile, or is gone, from other errors.
func notRunning(err error) error {
	if cerrdefs.IsNotFound(err) || cerrdefs.IsConflict(err) {
		return runner.ErrNotRunning
	}
	return err
}

// Times of an exec.
const (
	sizeTime    = 50 * time.Millisecond // for a caller to say how large its terminal is
	resizeTries = 5
	resizePause = 10 * time.Millisecond  // grows with each try
	codePause   = 5 * time.Millisecond   // doubles with each look
	codePauses  = 250 * time.Millisecond // the longest
	endTime     = 5 * time.Second        // for the engine to take the order to end a command
)

// firstSize is the size that the terminal has from the beginning, if somebody says it in a moment. Engines before 23 do not take it then.
func firstSize(sizes <-chan runner.Size) *[2]uint {
	if sizes == nil {
		return nil
	}
	select {
	case s, ok := <-sizes:
		if ok {
			return &[2]uint{uint(s.Rows), uint(s.Columns)}
		}
	case <-time.After(sizeTime):
	}
	return nil
}

// resize gives the terminal the size that it should have from the beginning, and each that comes.
func (d *Driver) resize(ctx context.Context, exec string, first *[2]uint, sizes <-chan runner.Size, done <-chan struct{}) {
	if first != nil {
		d.setSize(ctx, exec, *first, done)
	}
	for {
		select {
		case s, more := <-sizes:
			if !more {
				return
			}
			d.setSize(ctx, exec, [2]uint{uint(s.Rows), uint(s.Columns)}, done)
		case <-done:
			return
		}
	}
}

// setSize tries a few times: the terminal is there a moment after the attach.
func (d *Driver) setSize(ctx context.Context, exec string, size [2]uint, done <-chan struct{}) {
	for try := range resizeTries {
		if d.client.ContainerExecResize(ctx, exec, container.ResizeOptions{Height: size[0], Width: size[1]}) == nil {
			return
		}
		select {
		case <-time.After(time.Duration(try+1) * resizePause):
		case <-done:
			return
		}
	}
}

// execCode is the exit code of a command whose outputs have ended. The engine may know it a moment later, or, of one that closed its outputs and
// goes on, much later; it has no call that waits for it.
func (d *Driver) execCode(ctx context.Context, exec string) (int, error) {
	for pause := codePause; ; pause = min(2*pause, codePauses) {
		is, err := d.client.ContainerExecInspect(ctx, exec)
		switch {
		case err != nil:
			return 0, notRunning(err)
		case !is.Running:
			return is.ExitCode, nil
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return 0, ctx.Err()
		}
	}
}

// endExec ends the processes of a command that nobody wants any more. The engine cannot, so they are looked for by their mark from inside, with the container's
// own shell, and hung up as by a terminal that closes. Without a shell they stay until their input, which has ended, or their job ends them.
func (d *Driver) endExec(ctx context.Context, id, exec, mark string) {
	ctx, cancel := context.WithTimeout(ctx, endTime)
	defer cancel()
	if is, err := d.client.ContainerExecInspect(ctx, exec); err != nil || !is.Running {
		return
	}
	const script = `each() { for f in $(grep -l "$1" /proc/[0-9]*/environ 2>/dev/null); do f=${f#/proc/}; kill -"$2" "${f%/environ}" 2>/dev/null; done; }
each "$1" HUP; each "$1" TERM; sleep 2; each "$1" KILL; true`
	order, err := d.client.ContainerExecCreate(ctx, id, container.ExecOptions{Cmd: []string{"sh", "-c", script, "end-exec", mark}})
	if err == nil {
		err = d.client.ContainerExecStart(ctx, order.ID, container.ExecStartOptions{Detach: true})
	}
	if err != nil {
		d.log.Debug("a command whose caller is gone goes on in its container", "container", fmt.Sprintf("%.12s", id), "error", err)
	}
}
