package docker

import (
	"archive/tar"
	"bytes"
	"context"
	"io"
	"strings"
	"time"

	"github.com/docker/docker/api/types/container"

	"github.com/batch-local/batch-local/emulator/batch"
)

// put copies files into a container that was made and has not started.
func (u *unit) put(ctx context.Context, files []batch.File) error {
	if len(files) == 0 {
		return nil
	}
	content, err := archive(files)
	if err != nil {
		return err
	}
	return u.run.driver.client.CopyToContainer(ctx, u.id, "/", content, container.CopyToContainerOptions{})
}

// archive is a tar of files. Everybody may write to the folders: an image may have a user of its own.
func archive(files []batch.File) (io.Reader, error) {
	var content bytes.Buffer
	w := tar.NewWriter(&content)
	for _, f := range files {
		h := &tar.Header{Name: strings.TrimPrefix(f.Path, "/"), Typeflag: tar.TypeReg, Mode: 0o644, Size: int64(len(f.Content)), ModTime: time.Unix(0, 0)}
		if strings.HasSuffix(f.Path, "/") {
			h.Typeflag, h.Mode = tar.TypeDir, 0o777
		}
		if err := w.WriteHeader(h); err != nil {
			return nil, err
		}
		if _, err := w.Write(f.Content); err != nil {
			return nil, err
		}
	}
	return &content, w.Close()
}

// mostFailure is how much of a failure file is told.
const mostFailure = 1024

// failureText is what the container wrote about why it failed; empty if it wrote nothing.
func (u *unit) failureText(ctx context.Context) string {
	path := u.container.FailureFile
	if path == "" {
		return ""
	}
	limited, cancel := context.WithTimeout(ctx, lookTime)
	defer cancel()
	content, _, err := u.run.driver.client.CopyFromContainer(limited, u.id, path)
	if err != nil { // most containers write none
		return ""
	}
	defer content.Close()
	t := tar.NewReader(content)
	if h, err := t.Next(); err != nil || h.Typeflag != tar.TypeReg {
		return ""
	}
	text, err := io.ReadAll(io.LimitReader(t, mostFailure))
	if err != nil {
		return ""
	}
	return strings.TrimSpace(strings.ToValidUTF8(string(text), ""))
}
