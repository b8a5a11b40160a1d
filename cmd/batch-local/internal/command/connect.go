package command

import (
	"context"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/batch/types"
	"github.com/spf13/cobra"

	"github.com/batch-local/batch-local/cmd/batch-local/internal/client"
	"github.com/batch-local/batch-local/cmd/batch-local/internal/settings"
	"github.com/batch-local/batch-local/emulator"
)

// endpointFlag gives a command --endpoint and answers where its value will be.
func endpointFlag(cmd *cobra.Command) *string {
	return cmd.Flags().String("endpoint", "", "call the server at this `URL` (default: AWS_ENDPOINT_URL_BATCH, AWS_ENDPOINT_URL, http://"+settings.DefaultListen+")")
}

// connect makes the client for --endpoint and what the environment says. It does not call.
func (p *program) connect(ctx context.Context, endpoint string) (*client.Client, error) {
	who, err := client.Identify(ctx)
	if err != nil {
		return nil, err
	}
	return p.reach(endpoint, who)
}

// meet is connect, and what the server says of itself. The SDK would say of another program's answer only that it cannot read it. Close the client.
func (p *program) meet(ctx context.Context, endpoint string) (*client.Client, emulator.Info, error) {
	c, err := p.connect(ctx, endpoint)
	if err != nil {
		return nil, emulator.Info{}, err
	}
	info, err := c.Info(ctx)
	if err != nil {
		c.Close()
	}
	return c, info, err
}

// find is meet, and the job that the user names. Close the client.
func (p *program) find(ctx context.Context, endpoint, name string) (*client.Client, types.JobDetail, error) {
	c, _, err := p.meet(ctx, endpoint)
	if err != nil {
		return nil, types.JobDetail{}, err
	}
	job, err := c.Find(ctx, name)
	if err != nil {
		c.Close()
	}
	return c, job, err
}

// reach is connect for a known account and region, or none: what is not AWS's needs none.
func (p *program) reach(endpoint string, who client.Identity) (*client.Client, error) {
	where, err := client.Locate(endpoint, p.ownAddress)
	if err != nil {
		return nil, usageError{err.Error()}
	}
	return client.New(where, who), nil
}

// ownAddress is where a server with the settings of this environment listens.
func (p *program) ownAddress() (string, error) {
	s, err := settings.Load(nil, p.environ)
	if err != nil {
		return "", err
	}
	return emulator.BaseURL(s.Emulator.Listen[0]), nil
}

// containerFlag gives a command --container and answers where its value will be.
func (p *program) containerFlag(cmd *cobra.Command, endpoint *string, help string) *string {
	name := cmd.Flags().StringP("container", "c", "", help)
	_ = cmd.RegisterFlagCompletionFunc("container", p.completeContainers(endpoint))
	return name
}

// completionTime is how long a person waits for what could come next.
const completionTime = 2 * time.Second

// completeContainers offers the containers of the job that was named before.
func (p *program) completeContainers(endpoint *string) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
		if len(args) == 0 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		ctx, cancel := context.WithTimeout(cmd.Context(), completionTime)
		defer cancel()
		c, job, err := p.find(ctx, *endpoint, args[0])
		if err != nil {
			return nil, cobra.ShellCompDirectiveError
		}
		defer c.Close()
		return client.Containers(job), cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveKeepOrder
	}
}

// completeJobs offers the jobs there are for the next word.
func (p *program) completeJobs(endpoint *string) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
		if len(args) > 0 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		ctx, cancel := context.WithTimeout(cmd.Context(), completionTime)
		defer cancel()
		c, err := p.connect(ctx, *endpoint)
		if err != nil {
			return nil, cobra.ShellCompDirectiveError
		}
		defer c.Close()
		jobs, err := c.Jobs(ctx, nil, nil)
		if err != nil {
			return nil, cobra.ShellCompDirectiveError
		}
		var words []string
		for _, job := range jobs[:min(len(jobs), 50)] {
			words = append(words, *job.JobId+"\t"+*job.JobName+" "+string(job.Status))
		}
		return words, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveKeepOrder
	}
}
