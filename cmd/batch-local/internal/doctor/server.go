package doctor

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/batch-local/batch-local/cmd/batch-local/internal/client"
	"github.com/batch-local/batch-local/emulator"
)

const answerTime = 3 * time.Second

// server says who answers where the server should be; info is nil if it is not ours.
func server(ctx context.Context, p Patient) (*emulator.Info, []Finding) {
	ctx, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	where := p.Client.Endpoint
	info, err := p.Client.Info(ctx)
	var nobody *client.UnreachableError
	switch {
	case err == nil:
		findings := []Finding{{Well, "server", fmt.Sprintf("batch-local %s answers at %s", info.Version, where.Said()), ""}}
		if info.Version != p.Version {
			findings = append(findings, Finding{Warning, "server", fmt.Sprintf("it is %s, this command is %s", info.Version, p.Version), "end it and start it again with this version"})
		}
		if err := p.Client.Ready(ctx); err != nil {
			findings = append(findings, Finding{Problem, "server", "it is not ready: " + err.Error(), "its log says more; end it and start it again"})
		}
		return &info, findings
	case errors.As(err, &nobody) && where.Source == "":
		return nil, []Finding{{Note, "server", "none is running; " + where.URL + " is free for one", "batch-local serve starts it"}}
	case errors.As(err, &nobody):
		return nil, []Finding{{Problem, "server", nobody.Error(), "start it there with batch-local serve, or unset " + where.Source}}
	case where.Source == "":
		return nil, []Finding{{Problem, "server", "another program has its address: " + said(err, where), "end that program, or choose another address: batch-local serve --listen 127.0.0.1:0"}}
	}
	return nil, []Finding{{Problem, "server", said(err, where), "correct " + where.Source}}
}

// said words an error of a call that something answered, or only took.
func said(err error, where client.Endpoint) string {
	var late net.Error
	if errors.Is(err, context.DeadlineExceeded) || errors.As(err, &late) && late.Timeout() {
		return "what listens at " + where.Said() + " does not answer"
	}
	return err.Error()
}
