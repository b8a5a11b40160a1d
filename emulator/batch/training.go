package batch

import (
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/batch-local/batch-local/emulator/api"
	"github.com/batch-local/batch-local/emulator/ec2"
)

// A Training is what Batch and we read of a service job's payload: a CreateTrainingJob request of SageMaker.
type Training struct {
	AlgorithmSpecification struct {
		TrainingImage       string
		TrainingInputMode   string
		ContainerEntrypoint []string
		ContainerArguments  []string
	}
	Environment     map[string]string
	HyperParameters map[string]string
	InputDataConfig []struct {
		ChannelName       string
		ContentType       string `json:",omitempty"`
		CompressionType   string `json:",omitempty"`
		RecordWrapperType string `json:",omitempty"`
		InputMode         string `json:",omitempty"`
		DataSource        struct {
			S3DataSource *struct {
				S3DataDistributionType string
			}
		}
	}
	ResourceConfig struct {
		InstanceType   string
		InstanceCount  int64
		InstanceGroups []struct {
			InstanceType  string
			InstanceCount int64
		}
	}
}

// ParseTraining reads a payload.
//
// Guess: none of the texts was seen.
func ParseTraining(payload string) (*Training, error) {
	t := &Training{}
	if err := json.Unmarshal([]byte(payload), t); err != nil {
		return nil, refused("serviceRequestPayload is not a valid CreateTrainingJob request: %v", err)
	}
	r := &t.ResourceConfig
	for _, g := range r.InstanceGroups { // Batch counts one type alone
		r.InstanceType, r.InstanceCount = g.InstanceType, r.InstanceCount+g.InstanceCount
	}
	switch {
	case t.AlgorithmSpecification.TrainingImage == "":
		return nil, refused("serviceRequestPayload must have AlgorithmSpecification.TrainingImage.")
	case r.InstanceType == "":
		return nil, refused("serviceRequestPayload must have ResourceConfig.InstanceType.")
	case r.InstanceCount < 1:
		return nil, refused("serviceRequestPayload must have ResourceConfig.InstanceCount above 0.")
	}
	return t, nil
}

// TrainingJobARN names what the other service has for an attempt of a service job.
func TrainingJobARN(j *Job, a *Attempt) string {
	return "arn:" + j.Scope.Partition() + ":sagemaker:" + j.Scope.Region + ":" + j.Scope.Account + ":training-job/" + trainingJobName(j, a)
}

func trainingJobName(j *Job, a *Attempt) string { return "AWSBatch" + j.Name + a.TaskID }

// TrainingContainer is the name of a service job's container, and of its host, as SageMaker counts them; TrainingLogGroup is where it writes.
const (
	TrainingContainer = "algo-1"
	TrainingLogGroup  = "/aws/sagemaker/TrainingJobs"
)

// trainingStop is what SageMaker gives a container between SIGTERM and SIGKILL, in seconds.
const trainingStop = 120

// trainingStream is where a training container writes.
func trainingStream(j *Job, a *Attempt) LogStream {
	return LogStream{Container: TrainingContainer, Group: TrainingLogGroup,
		Stream: trainingJobName(j, a) + "/" + TrainingContainer + "-" + strconv.FormatInt(a.PlacedAt/1000, 10)}
}

// trainingTask is the task of a service job: the payload's image with the folders and the environment that SageMaker gives it, as its local mode
// lays them out. Of several instances it is the first; the others are not simulated, and it is told of none.
func trainingTask(j *Job, a *Attempt) (Task, bool) {
	p, err := ParseTraining(j.Service.Payload)
	if err != nil { // was checked when the job was submitted
		return Task{}, false
	}
	log := trainingStream(j, a)
	spec := p.AlgorithmSpecification
	c := Container{
		Name: TrainingContainer, Image: spec.TrainingImage, Entrypoint: spec.ContainerEntrypoint, Command: spec.ContainerArguments,
		Environment: trainingEnvironment(j, a, p), Files: trainingFiles(p), MilliVCPU: 1000, LogGroup: log.Group, LogStream: log.Stream,
		Essential: true, StopSeconds: trainingStop, FailureFile: "/opt/ml/output/failure", Properties: &api.ContainerProperties{},
	}
	if len(c.Entrypoint) == 0 && len(c.Command) == 0 {
		c.Command = []string{"train"}
	}
	if t, ok := TrainingInstance(p.ResourceConfig.InstanceType); ok {
		c.MilliVCPU, c.MemoryMiB = t.VCPUs*1000, t.MiB
	}
	return Task{
		Attempt: AttemptID{j.ID, a.Number}, Scope: j.Scope, JobName: j.Name, Queue: j.Queue, Platform: EC2, Ran: a.State != Placed, ID: a.TaskID,
		OwnNetwork: true, HostName: TrainingContainer, Family: trainingJobName(j, a), Containers: []Container{c},
	}, true
}

// TrainingInstance is the size of an instance type of SageMaker's, if there is an EC2 type of that name.
func TrainingInstance(name string) (ec2.Type, bool) { return ec2.Find(strings.TrimPrefix(name, "ml.")) }

func trainingEnvironment(j *Job, a *Attempt, p *Training) []api.KeyValuePair {
	var list []api.KeyValuePair
	for _, name := range slices.Sorted(maps.Keys(p.Environment)) {
		list = append(list, api.KeyValuePair{Name: new(name), Value: new(p.Environment[name])})
	}
	for _, kv := range [][2]string{
		{"AWS_REGION", j.Scope.Region}, {"TRAINING_JOB_NAME", trainingJobName(j, a)}, {"TRAINING_JOB_ARN", TrainingJobARN(j, a)},
	} {
		list = append(list, api.KeyValuePair{Name: new(kv[0]), Value: new(kv[1])})
	}
	return list
}

// trainingFiles are those of SageMaker's documentation, "How Amazon SageMaker AI Provides Training Information".
func trainingFiles(p *Training) []File {
	type channel struct {
		TrainingInputMode  string
		S3DistributionType string
		RecordWrapperType  string
		CompressionType    string `json:",omitempty"`
		ContentType        string `json:",omitempty"`
	}
	or := func(text, otherwise string) string {
		if text == "" {
			return otherwise
		}
		return text
	}
	channels := map[string]channel{}
	files := []File{{Path: "/opt/ml/model/"}, {Path: "/opt/ml/code/"}, {Path: "/opt/ml/checkpoints/"}, {Path: "/opt/ml/output/data/"}, {Path: "/opt/ml/input/data/"}}
	for _, in := range p.InputDataConfig {
		c := channel{TrainingInputMode: or(in.InputMode, or(p.AlgorithmSpecification.TrainingInputMode, "File")), S3DistributionType: "FullyReplicated",
			RecordWrapperType: or(in.RecordWrapperType, "None"), CompressionType: in.CompressionType, ContentType: in.ContentType}
		if s3 := in.DataSource.S3DataSource; s3 != nil {
			c.S3DistributionType = or(s3.S3DataDistributionType, c.S3DistributionType)
		}
		channels[in.ChannelName] = c
		files = append(files, File{Path: "/opt/ml/input/data/" + strings.ReplaceAll(in.ChannelName, "/", "_") + "/"})
	}
	parameters := p.HyperParameters
	if parameters == nil {
		parameters = map[string]string{}
	}
	kind := p.ResourceConfig.InstanceType
	for path, content := range map[string]any{
		"hyperparameters": parameters,
		"inputdataconfig": channels,
		"resourceconfig": map[string]any{
			"current_host": TrainingContainer, "current_instance_type": kind, "current_group_name": "homogeneousCluster", "hosts": []string{TrainingContainer},
			"instance_groups":        []any{map[string]any{"instance_group_name": "homogeneousCluster", "instance_type": kind, "hosts": []string{TrainingContainer}}},
			"network_interface_name": "eth0",
		},
	} {
		data, err := json.Marshal(content)
		if err != nil { // maps of texts
			continue
		}
		files = append(files, File{Path: "/opt/ml/input/config/" + path + ".json", Content: data})
	}
	slices.SortFunc(files, func(a, b File) int { return strings.Compare(a.Path, b.Path) })
	return files
}
