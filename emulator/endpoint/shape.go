package endpoint

import "time"

// The answers of runtime.md 6. Members without v4 in a name are those of v3 too.

type containerBody struct {
	DockerID      string `json:"DockerId"`
	Name          string
	DockerName    string
	Image         string
	ImageID       string
	Ports         []Port            `json:",omitempty"`
	Labels        map[string]string `json:",omitempty"`
	DesiredStatus Status
	KnownStatus   Status
	ExitCode      *int `json:",omitempty"`
	Limits        limitsBody
	CreatedAt     time.Time `json:",omitzero"`
	StartedAt     time.Time `json:",omitzero"`
	FinishedAt    time.Time `json:",omitzero"`
	Type          string
	Volumes       []Volume `json:",omitempty"`
	// Health is of health checks in task definitions. Batch's have none, and that of an image is not reported.

	LogDriver    string            `json:",omitempty"` // v4
	LogOptions   map[string]string `json:",omitempty"` // v4
	ContainerARN string            `json:",omitempty"` // v4
	Networks     []networkBody     `json:",omitempty"`
	Snapshotter  string            `json:",omitempty"` // v4
}

type limitsBody struct {
	CPU    *float64 `json:",omitempty"`
	Memory *int64   `json:",omitempty"`
}

// networkBody is the network of v3 with what v4 adds for awsvpc.
type networkBody struct {
	NetworkMode   string   `json:",omitempty"`
	IPv4Addresses []string `json:",omitempty"`

	AttachmentIndex          *int     `json:",omitempty"`
	MACAddress               string   `json:",omitempty"`
	IPv4SubnetCIDRBlock      string   `json:",omitempty"`
	DomainNameServers        []string `json:",omitempty"`
	DomainNameSearchList     []string `json:",omitempty"`
	PrivateDNSName           string   `json:",omitempty"`
	SubnetGatewayIpv4Address string   `json:",omitempty"`
}

type taskBody struct {
	Cluster               string
	TaskARN               string
	Family                string
	Revision              string
	DesiredStatus         Status `json:",omitempty"`
	KnownStatus           Status
	Limits                *limitsBody       `json:",omitempty"`
	PullStartedAt         time.Time         `json:",omitzero"`
	PullStoppedAt         time.Time         `json:",omitzero"`
	ExecutionStoppedAt    time.Time         `json:",omitzero"`
	AvailabilityZone      string            `json:",omitempty"`
	AvailabilityZoneID    string            `json:",omitempty"` // v4
	TaskTags              map[string]string `json:",omitempty"`
	ContainerInstanceTags map[string]string `json:",omitempty"`
	LaunchType            string            `json:",omitempty"` // v4
	Containers            []containerBody   `json:",omitempty"`
	*taskBodyV4
}

type taskBodyV4 struct {
	VPCID                   string          `json:",omitempty"`
	ClockDrift              *clockDriftBody `json:",omitempty"`
	EphemeralStorageMetrics *storageBody    `json:",omitempty"`
	FaultInjectionEnabled   bool
}

type clockDriftBody struct {
	ClockErrorBound            float64
	ReferenceTimestamp         time.Time
	ClockSynchronizationStatus string
}

// storageBody is in MiB.
type storageBody struct{ Utilized, Reserved int64 }
