package docker

import (
	"context"
	"maps"

	"github.com/docker/docker/api/types/container"

	"github.com/batch-local/batch-local/emulator/api"
)

// Log drivers (runtime.md 2.5).

// logConfig is the log driver that a container's definition names: the engine's own, with what it is told, except for awslogs, whose part we play.
func (r *run) logConfig(ctx context.Context, u *unit) (container.LogConfig, error) {
	p := u.container.Properties
	switch {
	case routed(u.container):
		return r.routedLog(ctx, u)
	case !passedOn(p):
		return jsonFile(), nil
	}
	c := namedLog(p.LogConfiguration)
	maps.Copy(c.Config, r.secretOptions[u.index])
	return c, nil
}

// passedOn says whether the engine itself has the log driver that a definition names.
func passedOn(p *api.ContainerProperties) bool {
	if p == nil || p.LogConfiguration == nil {
		return false
	}
	driver := p.LogConfiguration.LogDriver
	return driver != "" && driver != api.LogDriverAwslogs && driver != api.LogDriverAwsfirelens
}

// namedLog is a log driver of the engine, less the options that are secrets.
func namedLog(l *api.LogConfiguration) container.LogConfig {
	c := container.LogConfig{Type: string(l.LogDriver), Config: maps.Clone(l.Options)}
	if c.Config == nil {
		c.Config = map[string]string{}
	}
	return c
}
