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
	if p == nil || p.LogConfiguration == nil || p.LogConfiguration.LogDriver == "" || p.LogConfiguration.LogDriver == api.LogDriverAwslogs {
		return jsonFile(), nil
	}
	l := p.LogConfiguration
	if l.LogDriver == api.LogDriverAwsfirelens {
		return r.routedLog(ctx, u)
	}
	c := container.LogConfig{Type: string(l.LogDriver), Config: maps.Clone(l.Options)}
	if c.Config == nil {
		c.Config = map[string]string{}
	}
	maps.Copy(c.Config, r.secretOptions[u.index])
	return c, nil
}
