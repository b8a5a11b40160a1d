package logs

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// Groups and streams are made and removed by hand here (events-logs-schedules.md 2.3): for jobs whose definition names a group of their own.

// retentions are the numbers of days that a group may keep its events.
func retentions() []int {
	return []int{1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653}
}

const maxName = 512

var (
	groupName  = regexp.MustCompile(`^[.\-_/#A-Za-z0-9]+$`)
	streamName = regexp.MustCompile(`^[^:*]+$`)
)

// Errors with the texts that were recorded (events-logs-schedules.md 2.7), but for the last.
var (
	errGroupExists  = &Error{"ResourceAlreadyExistsException", "The specified log group already exists"}
	errStreamExists = &Error{"ResourceAlreadyExistsException", "The specified log stream already exists"}
	errTooLong      = &Error{"InvalidParameterException", "Invalid LogGroup or LogStream, both must have length less than or equal to 512."}
	// Guess: the code is sure (events-logs-schedules.md 2.3), the text was not seen.
	errProtected = &Error{"ValidationException", "The log group cannot be deleted while deletion protection is enabled."}
)

// constraint is the refusal of a member's value, as the service's own validation words it.
func constraint(member, value, must string) error {
	return invalid("1 validation error detected: Value '%s' at '%s' failed to satisfy constraint: Member must %s", value, member, must)
}

// required answers the value of a member that must be given.
func required[T any](member string, value *T) (T, error) {
	if value == nil {
		var none T
		return none, invalid("1 validation error detected: Value null at '%s' failed to satisfy constraint: Member must not be null", member)
	}
	return *value, nil
}

func checkGroupName(name *string) (string, error) {
	n, err := required("logGroupName", name)
	switch {
	case err != nil:
		return "", err
	case len(n) > maxName:
		return "", errTooLong
	case !groupName.MatchString(n):
		return "", constraint("logGroupName", n, `satisfy regular expression pattern: [\.\-_/#A-Za-z0-9]+`)
	}
	return n, nil
}

func checkStreamName(name *string) (string, error) {
	n, err := required("logStreamName", name)
	switch {
	case err != nil:
		return "", err
	case len(n) > maxName:
		return "", errTooLong
	case !streamName.MatchString(n):
		return "", constraint("logStreamName", n, "satisfy regular expression pattern: [^:*]*")
	}
	return n, nil
}

type createLogGroupInput struct {
	LogGroupName              *string           `json:"logGroupName"`
	KmsKeyID                  string            `json:"kmsKeyId"`
	Tags                      map[string]string `json:"tags"`
	LogGroupClass             string            `json:"logGroupClass"`
	DeletionProtectionEnabled bool              `json:"deletionProtectionEnabled"`
}

func (h *handler) createLogGroup(c caller, in createLogGroupInput) error {
	name, err := checkGroupName(in.LogGroupName)
	if err != nil {
		return err
	}
	if strings.HasPrefix(strings.ToLower(name), "aws/") {
		// Seen as a comment in somebody's Terraform, without its end.
		return invalid("Log groups starting with AWS/ are reserved for AWS.")
	}
	if classes := []string{"", "STANDARD", "INFREQUENT_ACCESS", "DELIVERY"}; !slices.Contains(classes, in.LogGroupClass) {
		return constraint("logGroupClass", in.LogGroupClass, "satisfy enum value set: [STANDARD, INFREQUENT_ACCESS, DELIVERY]")
	}
	if err := checkTags(in.Tags); err != nil {
		return err
	}
	return h.store.createGroup(groupRecord{Account: c.account, Region: c.region, Name: name,
		groupSettings: groupSettings{Class: in.LogGroupClass, Key: in.KmsKeyID, Protected: in.DeletionProtectionEnabled, Tags: in.Tags}})
}

type groupInput struct {
	LogGroupName *string `json:"logGroupName"`
}

func (h *handler) deleteLogGroup(c caller, in groupInput) error {
	name, err := checkGroupName(in.LogGroupName)
	if err != nil {
		return err
	}
	return h.store.deleteGroup(c, name)
}

type protectInput struct {
	LogGroupIdentifier        *string `json:"logGroupIdentifier"`
	DeletionProtectionEnabled *bool   `json:"deletionProtectionEnabled"`
}

func (h *handler) putLogGroupDeletionProtection(c caller, in protectInput) error {
	if _, err := required("logGroupIdentifier", in.LogGroupIdentifier); err != nil {
		return err
	}
	g, err := h.store.findGroup(c, nil, in.LogGroupIdentifier)
	if err != nil {
		return err
	}
	protected, err := required("deletionProtectionEnabled", in.DeletionProtectionEnabled)
	if err != nil {
		return err
	}
	return h.store.changeGroup(c, g.Name, func(set *groupSettings) error {
		set.Protected = protected
		return nil
	})
}

type putRetentionPolicyInput struct {
	LogGroupName    *string `json:"logGroupName"`
	RetentionInDays *int    `json:"retentionInDays"`
}

// putRetentionPolicy notes how long events are to be kept. Nothing expires: a developer's logs are gone soon enough.
func (h *handler) putRetentionPolicy(c caller, in putRetentionPolicyInput) error {
	name, err := checkGroupName(in.LogGroupName)
	if err != nil {
		return err
	}
	days, err := required("retentionInDays", in.RetentionInDays)
	if err != nil {
		return err
	}
	if all := retentions(); !slices.Contains(all, days) {
		// Guess: that the allowed numbers are listed is said, not how (events-logs-schedules.md 2.7).
		return invalid("1 validation error detected: Value '%d' at 'retentionInDays' failed to satisfy constraint: Member must satisfy enum value set: %s", days, strings.ReplaceAll(fmt.Sprint(all), " ", ", "))
	}
	return h.store.changeGroup(c, name, func(set *groupSettings) error {
		set.Retention = days
		return nil
	})
}

func (h *handler) deleteRetentionPolicy(c caller, in groupInput) error {
	name, err := checkGroupName(in.LogGroupName)
	if err != nil {
		return err
	}
	return h.store.changeGroup(c, name, func(set *groupSettings) error {
		set.Retention = 0
		return nil
	})
}

type streamInput struct {
	LogGroupName  *string `json:"logGroupName"`
	LogStreamName *string `json:"logStreamName"`
}

func (in streamInput) key(c caller) (Key, error) {
	group, err := checkGroupName(in.LogGroupName)
	if err != nil {
		return Key{}, err
	}
	stream, err := checkStreamName(in.LogStreamName)
	return Key{c.account, c.region, group, stream}, err
}

func (h *handler) createLogStream(c caller, in streamInput) error {
	key, err := in.key(c)
	if err != nil {
		return err
	}
	return h.store.addStream(key)
}

func (h *handler) deleteLogStream(c caller, in streamInput) error {
	key, err := in.key(c)
	if err != nil {
		return err
	}
	return h.store.deleteStream(key)
}
