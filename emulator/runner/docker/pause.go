package docker

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/image"
)

// pauseProgramPath is where it is in its image.
const pauseProgramPath = "/pause"

// pauseProgram is a static ELF executable: a header, one segment, the code.
func pauseProgram(arch string) ([]byte, error) {
	p, ok := pauseCode[arch]
	if !ok {
		return nil, fmt.Errorf("there is no pause program for engines of architecture %q", arch)
	}
	const base, headers = 0x400000, 64 + 56
	size := uint64(headers + len(p.code))
	b := []byte{0x7f, 'E', 'L', 'F', 2, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0}
	le := binary.LittleEndian
	b = le.AppendUint16(b, 2) // an executable
	b = le.AppendUint16(b, p.machine)
	b = le.AppendUint32(b, 1)
	b = le.AppendUint64(b, base+headers) // entry
	b = le.AppendUint64(b, 64)           // program header
	b = le.AppendUint64(b, 0)
	b = le.AppendUint32(b, 0)
	for _, n := range []uint16{64, 56, 1, 0, 0, 0} {
		b = le.AppendUint16(b, n)
	}
	b = le.AppendUint32(b, 1) // a segment to load,
	b = le.AppendUint32(b, 5) // to read and to execute
	for _, n := range []uint64{0, base, base, size, size, 0x1000} {
		b = le.AppendUint64(b, n)
	}
	return append(b, p.code...), nil
}

// pauseImage imports the image of sandboxes if it is missing, and answers its name.
func (d *Driver) pauseImage(ctx context.Context, arch string) (string, error) {
	program, err := pauseProgram(arch)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(program)
	name := "batch-local/pause:" + hex.EncodeToString(sum[:6])
	_, err = d.client.ImageInspect(ctx, name)
	if err == nil || !cerrdefs.IsNotFound(err) {
		return name, err
	}
	var layer bytes.Buffer
	t := tar.NewWriter(&layer)
	if err := t.WriteHeader(&tar.Header{Name: pauseProgramPath[1:], Mode: 0o755, Size: int64(len(program))}); err != nil {
		return "", err
	}
	if _, err := t.Write(program); err != nil {
		return "", err
	}
	if err := t.Close(); err != nil {
		return "", err
	}
	answer, err := d.client.ImageImport(ctx, image.ImportSource{Source: &layer, SourceName: "-"}, name, image.ImportOptions{Changes: []string{`ENTRYPOINT ["` + pauseProgramPath + `"]`}})
	if err != nil {
		return "", err
	}
	defer answer.Close()
	_, err = io.Copy(io.Discard, answer)
	return name, err
}
