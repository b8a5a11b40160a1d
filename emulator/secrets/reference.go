package secrets

import (
	"errors"
	"strings"

	"github.com/batch-local/batch-local/emulator/batch"
)

// A reference is a valueFrom, understood (runtime.md 2.6).
type reference struct {
	text   string      // as it was given
	secret bool        // of Secrets Manager; else a parameter of Systems Manager
	at     batch.Scope // where it is
	id     string      // of a secret: its ARN or name without what may follow; of a parameter: the text
	name   string      // of a secret with the six characters that the ARN adds; of a parameter "/path"; empty if the ARN names none
	// What follows a secret's ARN.
	key, stage, version string
}

var errSecretARN = errors.New("an invalid ARN format for the AWS Secrets Manager secret was specified. Specify a valid ARN and try again.") //nolint:staticcheck // the agent's text has a full stop

// parse understands a valueFrom of a job in that account and region.
func parse(text string, job batch.Scope) (reference, error) {
	r := reference{text: text, at: job, id: text, name: text}
	if !strings.HasPrefix(text, "arn:") {
		return r, nil
	}
	parts := strings.SplitN(text, ":", 6) // arn, partition, service, region, account, resource
	if len(parts) == 6 {
		if parts[3] != "" {
			r.at.Region = parts[3]
		}
		if parts[4] != "" {
			r.at.Account = parts[4]
		}
	}
	switch {
	case len(parts) >= 3 && parts[2] == "secretsmanager":
		if len(parts) < 6 {
			return reference{}, errSecretARN
		}
		return r.asSecret(strings.Join(parts[:5], ":"), strings.Split(parts[5], ":"))
	case len(parts) == 6 && parts[2] == "ssm":
		r.name, _ = strings.CutPrefix(parts[5], "parameter")
		if !strings.HasPrefix(r.name, "/") {
			r.name = ""
		}
		return r, nil
	}
	// Guess: the service refuses it in words that were not seen.
	return reference{}, errors.New(text + " is neither a secret of AWS Secrets Manager nor a parameter of AWS Systems Manager")
}

// asSecret takes the resource apart: secret:NAME, or with the key, the stage and the id of a version, all three or none.
func (r reference) asSecret(before string, resource []string) (reference, error) {
	if len(resource) != 2 && len(resource) != 5 {
		return reference{}, errSecretARN
	}
	r.secret, r.name = true, resource[1]
	r.id = before + ":" + resource[0] + ":" + resource[1]
	if len(resource) == 5 {
		r.key, r.stage, r.version = resource[2], resource[3], resource[4]
	}
	return r, nil
}

// current says that the newest version is meant, which is the only one that a file has.
func (r reference) current() bool {
	return r.version == "" && (r.stage == "" || r.stage == "AWSCURRENT")
}

// names are those by which a file or a Systems Manager may have it, the best one first.
func (r reference) names() []string {
	switch {
	case r.secret && r.id == r.name: // only ARNs have characters added
		return []string{r.name}
	case r.secret:
		short, ok := withoutSuffix(r.name)
		if !ok {
			return []string{r.id, r.name}
		}
		return []string{r.id, r.name, strings.TrimSuffix(r.id, r.name) + short, short}
	case r.name == "":
		return []string{r.text}
	case r.name == r.text:
		return []string{r.text}
	case strings.Count(r.name, "/") == 1: // the ARNs of "path" and of "/path" are the same
		return []string{r.name[1:], r.name}
	}
	return []string{r.name}
}

// withoutSuffix takes off the six random characters that end a secret's ARN; false if there are none.
func withoutSuffix(name string) (string, bool) {
	cut := len(name) - 7
	if cut <= 0 || name[cut] != '-' {
		return name, false
	}
	for _, c := range name[cut+1:] {
		if (c < '0' || c > '9') && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z') {
			return name, false
		}
	}
	return name[:cut], true
}
