package command

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/batch"
	"github.com/aws/aws-sdk-go-v2/service/batch/types"
	"github.com/spf13/cobra"

	"github.com/batch-local/batch-local/cmd/batch-local/internal/client"
	"github.com/batch-local/batch-local/emulator"
)

// request is what run is asked for.
type request struct {
	image       string
	command     []string
	name        string
	environment []string // NAME=VALUE, or NAME for the value it has here
	vcpus       vcpus
	memory      memory
	fargate     bool
	limit       time.Duration // 0: none
	detach      bool
}

func (p *program) run() *cobra.Command {
	var (
		r   request
		ec2 bool
	)
	cmd := &cobra.Command{
		Use:   "run [flags] IMAGE [-- COMMAND...]",
		Short: "Run one job, follow it, and end with its exit code",
		Long: `Run one job, follow it, and end with its exit code. What the job prints goes to
standard output, its states go to standard error. Ctrl-C terminates the job.

The job runs on the server there is; without one, on a server of its own that ends
with it, and after 30 seconds without a container engine. Environments, queues and definitions that it needs are made, and named
batch-local-run-...`,
		Example: `  batch-local run busybox -- echo hello
  batch-local run --memory 512 --env STAGE=test my/image -- ./nightly --fast
  batch-local run --fargate --vcpus 0.25 --memory 512 busybox -- sh -c 'exit 3'`,
		Args: thenCommand("IMAGE"),
	}
	endpoint := endpointFlag(cmd)
	flags := cmd.Flags()
	r.memory, r.vcpus = 2048, 1 // a size that Fargate has too
	flags.Var(&r.memory, "memory", "memory limit in MiB; 2GiB or 512m will do too")
	flags.Var(&r.vcpus, "vcpus", "number of vCPUs; on Fargate also 0.25 and 0.5")
	flags.StringArrayVarP(&r.environment, "env", "e", nil, "set a variable, `NAME=VALUE` or NAME for its value here; may be repeated (default: none)")
	flags.BoolVar(&r.fargate, "fargate", false, "run it as on Fargate (default: no)")
	flags.BoolVar(&ec2, "ec2", false, "run it as on EC2 (default: yes)")
	flags.StringVar(&r.name, "name", "", "call the job `NAME` (default: as the image)")
	limit := limitFlag(cmd, "terminate the job after this `TIME`, such as 90s (default: never)")
	flags.BoolVar(&r.detach, "detach", false, "print the job's id and leave the job to the server (default: no)")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		r.image, r.command, r.limit = args[0], args[1:], time.Duration(*limit)
		if r.fargate && ec2 {
			return usageError{"--fargate and --ec2 exclude each other"}
		}
		if err := r.check(); err != nil {
			return usageError{err.Error()}
		}
		return p.submitAndFollow(cmd.Context(), *endpoint, r)
	}
	return cmd
}

// check refuses what cannot be meant, and completes the rest.
func (r *request) check() error {
	if r.vcpus != vcpus(int(r.vcpus)) && !r.fargate {
		return fmt.Errorf("--vcpus %v: only Fargate has parts of a vCPU; add --fargate", &r.vcpus)
	}
	if r.limit > 0 && r.detach {
		return errors.New("--detach leaves the job alone, so there is nothing to do at the end of --timeout")
	}
	if strings.TrimSpace(r.image) == "" {
		return errors.New("IMAGE is empty")
	}
	var err error
	if r.environment, err = assignments(r.environment); err != nil {
		return err
	}
	if r.name == "" {
		r.name = legalName(imageName(r.image))
	}
	return nil
}

// assignments completes variables that have no value with the one they have here. As with --job-env of serve, one that has none is a mistake: the job would
// run without it.
func assignments(variables []string) ([]string, error) {
	var complete []string
	for _, variable := range variables {
		name, value, given := strings.Cut(variable, "=")
		if name == "" {
			return nil, fmt.Errorf("--env %s: it must be NAME=VALUE", variable)
		}
		if !given {
			if value, given = os.LookupEnv(name); !given {
				return nil, fmt.Errorf("--env %s: there is no variable of this name here whose value could be handed on", name)
			}
		}
		complete = append(complete, name+"="+value)
	}
	return complete, nil
}

// submitAndFollow is run: on the server there is, or on one of its own.
func (p *program) submitAndFollow(ctx context.Context, endpoint string, r request) error {
	c, err := p.connect(ctx, endpoint)
	if err != nil {
		return err
	}
	defer c.Close()
	alone := false
	if _, err = c.Info(ctx); absent(c, err) {
		if r.detach {
			return err // a server of this run's own would end with it
		}
		p.say("no server answers at %s; this run starts its own", c.Endpoint.URL)
		own, err := p.startOwn(c.Identity)
		if err != nil {
			return err
		}
		defer own.stop(p)
		c, alone = own.client, true
	} else if err != nil {
		return err
	}
	// From here on the first Ctrl-C is for the job; calls must go on for it.
	calls, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	defer cancel(nil)
	go func() {
		select {
		case <-p.interrupt.insisted:
			cancel(nil)
		case <-calls.Done():
		}
	}()
	id, err := r.submit(calls, c)
	if err != nil {
		return p.leftAtOnce(err)
	}
	if r.detach {
		_, err := fmt.Fprintln(p.out, id)
		return err
	}
	if alone {
		go func() {
			if err := p.engineless(calls, c, id); err != nil {
				cancel(err)
			}
		}()
	}
	err = p.follow(ctx, calls, c, id, r)
	if lacks := (*engineError)(nil); errors.As(context.Cause(calls), &lacks) {
		err = lacks
	}
	return p.leftAtOnce(err)
}

// leftAtOnce is how run ends after a second Ctrl-C, whatever came of it; else err.
func (p *program) leftAtOnce(err error) error {
	select {
	case <-p.interrupt.insisted:
		p.say("left at once")
		return exitCode(p.interrupt.code())
	default:
		return err
	}
}

// absent says that there is no server where one would be if nobody had said anything. Where the user named another place,
// a server of our own would not be what is wanted.
func absent(c *client.Client, err error) bool {
	var nobody *client.UnreachableError
	return errors.As(err, &nobody) && (c.Endpoint.Source == "" || c.Endpoint.URL == emulator.BaseURL(defaultListen))
}

// submit makes what the job needs and submits it.
func (r request) submit(ctx context.Context, c *client.Client) (id string, err error) {
	queue, definition, err := r.place(ctx, c)
	if err != nil {
		return "", err
	}
	overrides := &types.ContainerOverrides{Command: r.command, ResourceRequirements: size(r.vcpus, r.memory)}
	for _, variable := range r.environment {
		name, value, _ := strings.Cut(variable, "=")
		overrides.Environment = append(overrides.Environment, types.KeyValuePair{Name: &name, Value: &value})
	}
	answer, err := c.Batch.SubmitJob(ctx, &batch.SubmitJobInput{
		JobName: &r.name, JobQueue: &queue, JobDefinition: &definition, ContainerOverrides: overrides,
	})
	if err != nil {
		if sizes := fargateSizes(r.vcpus, r.memory); r.fargate && sizes != "" {
			err = fmt.Errorf("%s\n%s", plain(err), sizes)
		}
		return "", err
	}
	return aws.ToString(answer.JobId), nil
}
