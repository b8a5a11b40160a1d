//go:build !linux

package docker

type kernelSource struct{}

func (*kernelSource) each(func([]byte)) {}

func (*kernelSource) close() {}
