package command

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/spf13/cobra"

	"github.com/batch-local/batch-local/emulator"
)

// asText is what --output is for commands that print no list.
const asText = "text"

func (p *program) reproduce() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "reproduce [flags] JOB",
		Short: "Print commands that run a job by hand",
		Long: `Print commands that do by hand what a job does: docker run for its containers, and
the call of the AWS CLI that submits it again. The job may have ended. JOB is an id,
the beginning of one, or a name (then the newest job of that name).

Secrets are named, not shown: export them before.`,
		Example: `  batch-local reproduce nightly
  batch-local reproduce 4f1c --output json | jq -r '.docker[0] | @sh'`,
		Args: exactly("JOB"),
	}
	endpoint := endpointFlag(cmd)
	output := choiceFlag(cmd, "output", "o", []string{asText, asJSON}, "how to print the commands")
	cmd.ValidArgsFunction = p.completeJobs(endpoint)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		ctx := cmd.Context()
		c, job, err := p.find(ctx, *endpoint, args[0])
		if err != nil {
			return err
		}
		defer c.Close()
		is, err := c.Reproduce(ctx, aws.ToString(job.JobId))
		if err != nil {
			return err
		}
		if *output == asJSON {
			return printOwn(p.out, is)
		}
		return printReproduction(p.out, is)
	}
	return cmd
}

// printReproduction writes what a shell reads.
func printReproduction(w io.Writer, is emulator.Reproduction) error {
	var blocks []string
	var notes strings.Builder
	for _, note := range is.Notes {
		fmt.Fprintf(&notes, "# %s\n", printable(note))
	}
	if notes.Len() > 0 {
		blocks = append(blocks, notes.String())
	}
	for _, command := range append(is.Docker, is.AWS...) {
		blocks = append(blocks, shellLine(command)+"\n")
	}
	_, err := io.WriteString(w, strings.Join(blocks, "\n"))
	return err
}

// shellLine is a command as a POSIX shell reads it: each option on a line of its own, and of docker run so the image with the container's command.
func shellLine(words []string) string {
	image := imageAt(words)
	var b strings.Builder
	for i, word := range words {
		switch {
		case i == 0:
		case i == image, i < image && strings.HasPrefix(word, "-"):
			b.WriteString(" \\\n    ")
		default:
			b.WriteByte(' ')
		}
		b.WriteString(quote(word, `'\''`))
	}
	return b.String()
}

// imageAt is where the image of docker run stands, as Reproduce of the driver writes it; of another command its end.
func imageAt(words []string) int {
	if len(words) < 2 || words[0] != "docker" || words[1] != "run" {
		return len(words)
	}
	for i := 2; i < len(words); i++ {
		switch word := words[i]; {
		case !strings.HasPrefix(word, "-"):
			return i
		case !slices.Contains([]string{"--rm", "--read-only", "--privileged", "--interactive", "--tty"}, word) && !strings.Contains(word, "="):
			i++ // its value
		}
	}
	return len(words)
}
