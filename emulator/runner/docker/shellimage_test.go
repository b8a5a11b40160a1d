package docker_test

import (
	"archive/tar"
	"bytes"
	"context"
	"io"
	"os"
	"testing"

	"github.com/docker/docker/api/types/image"
	"github.com/docker/docker/client"
)

// shellImage makes, for one test, an image with a shell of the machine's static busybox (Debian's busybox-static); without one the test is skipped.
func shellImage(t *testing.T, engine *client.Client) string {
	t.Helper()
	name := "batch-local/busybox:" + newInstance()
	busybox, err := os.ReadFile("/bin/busybox")
	if err != nil {
		t.Skip("no /bin/busybox; Debian's busybox-static has it")
	}
	var content bytes.Buffer
	w := tar.NewWriter(&content)
	for _, folder := range []string{"bin/", "proc/", "tmp/"} {
		w.WriteHeader(&tar.Header{Name: folder, Typeflag: tar.TypeDir, Mode: 0o755})
	}
	w.WriteHeader(&tar.Header{Name: "bin/busybox", Typeflag: tar.TypeReg, Mode: 0o755, Size: int64(len(busybox))})
	w.Write(busybox)
	for _, applet := range []string{"sh", "sleep", "cat", "grep", "stty", "tty", "true", "echo"} {
		w.WriteHeader(&tar.Header{Name: "bin/" + applet, Typeflag: tar.TypeSymlink, Linkname: "busybox"})
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	answer, err := engine.ImageImport(t.Context(), image.ImportSource{Source: &content, SourceName: "-"}, name, image.ImportOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Close()
	if _, err := io.Copy(io.Discard, answer); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		engine.ImageRemove(context.Background(), name, image.RemoveOptions{Force: true})
	})
	return name
}
