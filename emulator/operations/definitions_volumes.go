package operations

import (
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/batch-local/batch-local/emulator/api"
	"github.com/batch-local/batch-local/emulator/batch"
)

// Kernel parameters, volumes and logging of a container (jobs.md 10.6).

func checkLinux(l *api.LinuxParameters) error {
	if l == nil {
		return nil
	}
	switch {
	case l.MaxSwap != nil && l.Swappiness == nil:
		return api.Invalid("When container specified swap memory, swappiness value is required.")
	case api.Value(l.MaxSwap) < 0:
		return api.Invalid("Invalid swap memory size: %d, must be non-negative.", *l.MaxSwap)
	case api.Value(l.Swappiness) < 0 || api.Value(l.Swappiness) > 100:
		return api.Invalid("Invalid swappiness: %d, must be between 0 and 100.", *l.Swappiness)
	}
	for _, d := range l.Devices {
		for _, p := range d.Permissions {
			if !slices.Contains(p.Values(), p) {
				// Seen in github.com/badmintoncryer/cdk-preflight, rule pf-batch-jd-device-permissions-value; jobs.md 10.6 has no text.
				return api.Invalid("Invalid permission: %s for device %s", p, api.Value(d.HostPath))
			}
		}
		if api.Value(d.HostPath) == "" {
			// Guess: the model requires it; the text was not seen.
			return api.Invalid("hostPath of a device is required.")
		}
	}
	for _, t := range l.Tmpfs {
		switch {
		case api.Value(t.Size) < 1:
			// Guess: the end of the sentence was cut off where it was seen (cdk-preflight, rule pf-batch-jd-tmpfs-size-min).
			return api.Invalid("Size of a tmpfs is invalid. The size is required and must be a positive integer.")
		case api.Value(t.ContainerPath) == "":
			// Guess: the model requires it; the text was not seen.
			return api.Invalid("containerPath of a tmpfs is required.")
		}
	}
	return nil
}

func checkVolumes(c *api.ContainerProperties) error {
	names := map[string]bool{}
	for _, v := range c.Volumes {
		names[api.Value(v.Name)] = true
	}
	for _, m := range c.MountPoints {
		if !names[api.Value(m.SourceVolume)] {
			// Guess: runtime.md 2.3 has the rule; the text is that of containers which depend on an unknown one.
			return api.Invalid("sourceVolume %s must reference a defined volume.", api.Value(m.SourceVolume))
		}
	}
	for _, v := range c.Volumes {
		kinds := 0
		for _, given := range []bool{v.Host != nil, v.EfsVolumeConfiguration != nil, v.S3filesVolumeConfiguration != nil} {
			if given {
				kinds++
			}
		}
		switch {
		case kinds > 1:
			return api.Invalid("When the volume parameter is specified, only one volume configuration type should be used.")
		case v.S3filesVolumeConfiguration != nil && api.Value(c.JobRoleArn) == "":
			return api.Invalid("A jobRoleArn/taskRoleArn is required when using s3filesVolumeConfiguration.")
		case v.EfsVolumeConfiguration != nil:
			if err := checkEFS(v.EfsVolumeConfiguration); err != nil {
				return err
			}
		}
	}
	return nil
}

// fileSystemID is an EFS file system's. AWS's are 8 or 17 digits; shorter ones read better in --map-efs.
var fileSystemID = regexp.MustCompile(`^(arn:aws[a-z-]*:elasticfilesystem:[a-z0-9-]+:\d{12}:file-system/)?fs-[0-9a-f]+$`)

func checkEFS(e *api.EFSVolumeConfiguration) error {
	encrypted := e.TransitEncryption == api.EFSTransitEncryptionEnabled
	root, iam, point := api.Value(e.RootDirectory), false, ""
	if a := e.AuthorizationConfig; a != nil {
		iam, point = a.Iam == api.EFSAuthorizationConfigIAMEnabled, api.Value(a.AccessPointId)
	}
	switch port := e.TransitEncryptionPort; {
	case !fileSystemID.MatchString(api.Value(e.FileSystemId)):
		return api.Invalid("EFS configuration fileSystemId is not valid: %s.", api.Value(e.FileSystemId))
	case iam && !encrypted:
		return api.Invalid("EFS IAM authorization requires TransitEncryption to be enabled.")
	case point != "" && !encrypted:
		return api.Invalid("EFS IAM access point requires TransitEncryption to be enabled.")
	case point != "" && root != "" && root != "/":
		return api.Invalid(`When using an EFS access point, the root directory must either be set to "/" or omitted`)
	case port != nil && (*port < 1 || *port > 65535):
		return api.Invalid("TransitEncryptionPort must be a valid port number.")
	}
	return nil
}

// awslogsOptions are what ECS lets through to the awslogs driver (runtime.md 2.5). The driver takes more, and ECS refuses it: awslogs-endpoint was
// seen to be (in HashiCorp's Waypoint), so tag, the credentials' endpoint, and the intervals and buffers of batches are taken to be.
func awslogsOptions() []string {
	return []string{
		"awslogs-group", "awslogs-region", "awslogs-stream-prefix", "awslogs-create-group", "awslogs-datetime-format", "awslogs-multiline-pattern",
		"awslogs-format", "mode", "max-buffer-size",
	}
}

func checkLogging(p batch.Platform, l *api.LogConfiguration) error {
	if l == nil {
		return nil
	}
	fargate := []api.LogDriver{api.LogDriverAwslogs, api.LogDriverSplunk, api.LogDriverAwsfirelens}
	switch {
	case p == batch.Fargate && !slices.Contains(fargate, l.LogDriver):
		return api.Invalid("Log driver for Fargate is not valid: %s", l.LogDriver)
	case !slices.Contains(l.LogDriver.Values(), l.LogDriver):
		// Guess: by analogy with Fargate.
		return api.Invalid("Log driver is not valid: %s", l.LogDriver)
	case l.LogDriver != api.LogDriverAwslogs:
		return nil
	}
	var unknown []string
	for _, option := range slices.Sorted(maps.Keys(l.Options)) {
		if !slices.Contains(awslogsOptions(), option) {
			unknown = append(unknown, option)
		}
	}
	if len(unknown) > 0 {
		// Guess: several are named together; the text was seen with one.
		return api.Invalid("Log driver awslogs disallows options: %s", strings.Join(unknown, ", "))
	}
	return nil
}
