package endpoint

import (
	"context"
	"encoding/json"
	"time"
)

// A Source knows one container. It may be asked before the container is made, and by several at once.
type Source interface {
	// Facts is what the container is like now. The zero value is a container that nothing was done for yet.
	Facts(ctx context.Context) (Facts, error)
	// Stats is the latest sample of the engine's statistics, its JSON as it is, with the networks of the namespace that the container joined;
	// nil when there is none yet. It may take as long as the engine takes for one.
	Stats(ctx context.Context) (json.RawMessage, error)
}

// Facts are what only the engine knows of a container. Empty members are left out of the answer.
type Facts struct {
	Status                           Status
	DockerID                         string // 64 hex digits
	DockerName                       string
	ImageID                          string            // sha256:...
	Labels                           map[string]string // of the image; those of the agent are added
	CreatedAt, StartedAt, FinishedAt time.Time
	ExitCode                         *int
	Ports                            []Port
	Volumes                          []Volume
	Network                          Network
}

// A Status of a container or a task. They come one after the other.
type Status string

// Statuses, in their order.
const (
	None                 Status = "NONE"
	ManifestPulled       Status = "MANIFEST_PULLED"
	ImagePulled          Status = "PULLED"
	Created              Status = "CREATED"
	Running              Status = "RUNNING"
	ResourcesProvisioned Status = "RESOURCES_PROVISIONED" // of a pause that runs; Running will do
	Stopped              Status = "STOPPED"
)

// rank is the place in the order.
func (s Status) rank() int {
	switch s {
	case ManifestPulled:
		return 1
	case ImagePulled:
		return 2
	case Created:
		return 3
	case Running:
		return 4
	case ResourcesProvisioned:
		return 5
	case Stopped:
		return 6
	}
	return 0
}

// A Port that is published.
type Port struct {
	ContainerPort uint16 `json:"ContainerPort,omitempty"`
	Protocol      string `json:"Protocol,omitempty"`
	HostPort      uint16 `json:"HostPort,omitempty"`
	HostIP        string `json:"HostIp,omitempty"`
}

// A Volume that is mounted.
type Volume struct {
	DockerName  string `json:"DockerName,omitempty"`
	Source      string `json:"Source,omitempty"`
	Destination string `json:"Destination,omitempty"`
}

// A Network is the container's, or that of the namespace which it joined. A task that shares its instance's network does not show it.
type Network struct {
	IPv4    []string
	MAC     string
	Subnet  string // 10.0.2.0/24
	Gateway string // 10.0.2.1
	DNS     []string
	Search  []string
	Name    string // of the host; empty is what its task says
}
