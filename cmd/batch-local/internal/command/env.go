package command

import (
	"fmt"
	"net"
	"net/url"
	"strings"

	"github.com/spf13/cobra"

	"github.com/batch-local/batch-local/cmd/batch-local/internal/client"
)

// service is an AWS service that we answer, under its names in the places that SDKs and tools read.
type service struct {
	variable  string // AWS_ENDPOINT_URL_<this>
	config    string // in a services section of the AWS config file
	terraform string // in endpoints of the AWS provider
}

// services are all that we answer. Only these are pointed at us: S3 and the others stay where they are.
func services() []service {
	return []service{
		{"BATCH", "batch", "batch"},
		{"CLOUDWATCH_LOGS", "cloudwatch_logs", "logs"},
	}
}

// place is what a program must know to call us.
type place struct {
	url, region, key, secret string
	variables                [][2]string
}

// variables is the place as SDKs read it from the environment.
func variables(url string, who client.Identity) place {
	p := place{url: url, region: who.Region, key: who.AccessKey, secret: client.Secret}
	for _, service := range services() {
		p.variables = append(p.variables, [2]string{"AWS_ENDPOINT_URL_" + service.variable, url})
	}
	p.variables = append(p.variables,
		[2]string{"AWS_REGION", p.region},
		[2]string{"AWS_DEFAULT_REGION", p.region}, // the only one that boto3 and version 1 of the AWS CLI read
		[2]string{"AWS_ACCESS_KEY_ID", p.key}, [2]string{"AWS_SECRET_ACCESS_KEY", p.secret})
	return p
}

// A form is one way to write a place down.
type form struct {
	name  string
	print func(place) string
}

func forms() []form {
	return []form{
		{"sh", sh},
		{"fish", func(p place) string {
			return p.lines(func(name, value string) string { return "set -gx " + name + " " + quote(value, `\'`) })
		}},
		{"powershell", func(p place) string {
			return p.lines(func(name, value string) string {
				return "$Env:" + name + " = '" + strings.ReplaceAll(value, "'", "''") + "'"
			})
		}},
		{"aws-config", awsConfig},
		{"compose", compose},
		{"terraform", terraform},
	}
}

func sh(p place) string {
	return p.lines(func(name, value string) string { return "export " + name + "=" + quote(value, `'\''`) })
}

func (p *program) env() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "env [flags]",
		Short: "Print what points AWS tools at the server",
		Long: `Print what points SDKs, the AWS CLI and other tools at the server, in the form that
--shell names. Batch and CloudWatch Logs go to batch-local; other services stay
where they are. The keys are made up: nobody checks them, and no call that goes
to AWS by mistake can do anything there.

The AWS CLI reads the addresses from versions 1.29 and 2.13 on; an older one needs
--endpoint-url with each call.`,
		Example: `  eval "$(batch-local env)"
  batch-local env --shell fish | source
  batch-local env --shell powershell | Invoke-Expression
  batch-local env --shell aws-config >> ~/.aws/config   then: aws --profile batch-local batch ...
  batch-local env --shell terraform > batch_local.tf`,
		Args: exactly(),
	}
	endpoint := endpointFlag(cmd)
	names, print := []string{}, make(map[string]func(place) string)
	for _, form := range forms() {
		names, print[form.name] = append(names, form.name), form.print
	}
	shell := choiceFlag(cmd, "shell", "", names, "form of what is printed")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		c, err := p.connect(cmd.Context(), *endpoint)
		if err != nil {
			return err
		}
		defer c.Close()
		_, err = fmt.Fprint(p.out, print[*shell](variables(c.Endpoint.URL, c.Identity)))
		return err
	}
	return cmd
}

func (p place) lines(line func(name, value string) string) string {
	var b strings.Builder
	for _, v := range p.variables {
		b.WriteString(line(v[0], v[1]) + "\n")
	}
	return b.String()
}

func awsConfig(p place) string {
	var b strings.Builder
	fmt.Fprintf(&b, "[profile batch-local]\nregion = %s\naws_access_key_id = %s\naws_secret_access_key = %s\nservices = batch-local\n\n[services batch-local]\n", p.region, p.key, p.secret)
	for _, service := range services() {
		fmt.Fprintf(&b, "%s =\n  endpoint_url = %s\n", service.config, p.url)
	}
	return b.String()
}

// compose is for a service beside ours. There, this machine's loopback is no way to us, but the name of our service is.
func compose(p place) string {
	address := p.url
	if u, err := url.Parse(p.url); err == nil {
		if ip := net.ParseIP(u.Hostname()); u.Hostname() == "localhost" || ip != nil && ip.IsLoopback() {
			address = "http://batch-local:22824"
		}
	}
	var b strings.Builder
	b.WriteString("# For a service of a compose file that has our service batch-local (see docker-compose.yml).\nservices:\n  app:\n    environment:\n")
	for _, v := range variables(address, client.Identity{AccessKey: p.key, Region: p.region}).variables {
		fmt.Fprintf(&b, "      %s: %q\n", v[0], v[1])
	}
	return b.String()
}

func terraform(p place) string {
	var b strings.Builder
	fmt.Fprintf(&b, `provider "aws" {
  region     = %q
  access_key = %q
  secret_key = %q

  skip_credentials_validation = true
  skip_metadata_api_check     = true
  skip_requesting_account_id  = true

  endpoints {
`, p.region, p.key, p.secret)
	for _, service := range services() {
		fmt.Fprintf(&b, "    %-5s = %q\n", service.terraform, p.url)
	}
	b.WriteString("  }\n}\n")
	return b.String()
}

// quote puts a value in single quotes where it must, with the shell's own way to say such a quote.
func quote(value, single string) string {
	special := func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && !strings.ContainsRune("-_./:@%+", r)
	}
	if value != "" && !strings.ContainsFunc(value, special) {
		return value
	}
	return "'" + strings.ReplaceAll(value, "'", single) + "'"
}
