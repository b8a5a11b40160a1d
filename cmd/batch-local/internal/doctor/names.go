package doctor

import (
	"context"
	"time"
)

// tools says where AWS tools of this shell go.
func tools(p Patient) Finding {
	if source := p.Client.Endpoint.Source; source == "AWS_ENDPOINT_URL_BATCH" || source == "AWS_ENDPOINT_URL" {
		return Finding{Well, "tools", "AWS tools of this shell call " + p.Client.Endpoint.Said(), ""}
	}
	return Finding{Note, "tools", "AWS tools of this shell do not call batch-local", `eval "$(batch-local env)" points them at it`}
}

// jobsHost is a name for this machine that every job can use.
const jobsHost = "host.docker.internal"

// hostName looks the name up here. In jobs it always resolves; here it matters only to somebody who uses one address in both places.
func hostName(ctx context.Context, p Patient) Finding {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	if found, err := p.Resolve(ctx, jobsHost); err == nil {
		return Finding{Well, "names", jobsHost + " is " + found[0] + " here; jobs know it too", ""}
	}
	return Finding{Note, "names", jobsHost + " is known to jobs, but not here",
		"only to use the same address in jobs and here: echo 127.0.0.1 " + jobsHost + " | sudo tee -a /etc/hosts"}
}
