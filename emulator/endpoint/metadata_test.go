package endpoint_test

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/batch-local/batch-local/emulator/api"
	"github.com/batch-local/batch-local/emulator/batch"
	"github.com/batch-local/batch-local/emulator/endpoint"
)

// TestOnEC2 is runtime.md 6 for a job that shares its instance's network.
func TestOnEC2(t *testing.T) {
	s := endpoint.New(endpoint.Options{})
	session := s.Open(onEC2(), endpoint.IDs{})
	session.Pulling(at(0))
	session.Pulled(at(1))
	session.Pulling(at(3)) // the first is shown
	session.Container(endpoint.Container{Name: "default", ID: "an-id", Source: running()})
	container := `{"DockerId":"d0c0","Name":"default","DockerName":"ecs-myjob-3-default-0a1b","Image":"busybox:1","ImageID":"sha256:1",
		"Labels":{"com.amazonaws.ecs.cluster":"AWSBatch-ce-1","com.amazonaws.ecs.container-name":"default","com.amazonaws.ecs.task-arn":"arn:aws:ecs:us-east-1:111122223333:task/AWSBatch-ce-1/0123456789abcdef0123456789abcdef","com.amazonaws.ecs.task-definition-family":"myjob","com.amazonaws.ecs.task-definition-version":"3"},
		"DesiredStatus":"RUNNING","KnownStatus":"RUNNING","Limits":{"CPU":1536,"Memory":128},"CreatedAt":"2026-11-23T15:04:01.123456789Z","StartedAt":"2026-11-23T15:04:02.123456789Z","Type":"NORMAL",`
	v3 := container + `"Networks":[{"NetworkMode":"host","IPv4Addresses":[""]}]}`
	v4 := container + `"LogDriver":"awslogs","LogOptions":{"awslogs-group":"/aws/batch/job","awslogs-region":"us-east-1","awslogs-stream":"myjob/default/0123"},
		"ContainerARN":"arn:aws:ecs:us-east-1:111122223333:container/AWSBatch-ce-1/0123456789abcdef0123456789abcdef/bb9b2d92-b754-5780-88aa-b83e6f8361f6","Networks":[{"NetworkMode":"host","IPv4Addresses":[""]}]}`
	task := `{"Cluster":"AWSBatch-ce-1","TaskARN":"arn:aws:ecs:us-east-1:111122223333:task/AWSBatch-ce-1/0123456789abcdef0123456789abcdef","Family":"myjob","Revision":"3","DesiredStatus":"RUNNING","KnownStatus":"RUNNING",
		"PullStartedAt":"2026-11-23T15:04:00.123456789Z","PullStoppedAt":"2026-11-23T15:04:01.123456789Z","AvailabilityZone":"us-east-1a",`
	taskV4 := task + `"AvailabilityZoneID":"use1-az1","LaunchType":"EC2","VPCID":"vpc-0123456789abcdef0","FaultInjectionEnabled":false,`
	tags := `"TaskTags":{"team":"red","aws:batch:job-queue":"arn:queue","aws:batch:compute-environment":"arn:environment","aws:batch:job-definition":"arn:definition"},`
	for path, want := range map[string]string{
		"/v4/an-id":               v4,
		"/v4/an-id/":              v4,
		"//v4//an-id":             v4,
		"/v4/an-id/task":          taskV4 + `"Containers":[` + v4 + `]}`,
		"/v4/an-id/task/":         taskV4 + `"Containers":[` + v4 + `]}`,
		"/v4/an-id/taskWithTags":  taskV4 + tags + `"Containers":[` + v4 + `]}`,
		"/v3/an-id":               v3,
		"/v3/an-id/task":          task + `"Containers":[` + v3 + `]}`,
		"/v3//an-id/taskWithTags": task + tags + `"Containers":[` + v3 + `]}`,
	} {
		if diff := cmp.Diff(parsed(t, want), object(t, s.Handler(), path)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", path, diff)
		}
	}
}

// TestOnFargate is runtime.md 6 there: the engine's ids are not shown, the task has limits, a disk and a network interface.
func TestOnFargate(t *testing.T) {
	s := endpoint.New(endpoint.Options{})
	session := s.Open(onFargate(), endpoint.IDs{})
	session.Container(endpoint.Container{Name: endpoint.PauseName, Source: running()})
	id := session.Container(endpoint.Container{Name: "default", Source: running()})
	task := object(t, s.Handler(), "/v4/"+id+"/task")
	drift, _ := task["ClockDrift"].(map[string]any)
	if drift["ClockSynchronizationStatus"] != "SYNCHRONIZED" || drift["ReferenceTimestamp"] == nil {
		t.Errorf("the clock: %v", drift)
	}
	containers, _ := task["Containers"].([]any)
	if len(containers) != 1 {
		t.Fatalf("Fargate shows no pause; got %v", containers)
	}
	container := containers[0].(map[string]any)
	delete(container, "ContainerARN")
	delete(container, "Labels")
	delete(task, "ClockDrift")
	want := `{"Cluster":"arn:aws:ecs:us-east-1:111122223333:cluster/AWSBatch-ce-1","TaskARN":"arn:aws:ecs:us-east-1:111122223333:task/AWSBatch-ce-1/0123456789abcdef0123456789abcdef","Family":"myjob","Revision":"3","DesiredStatus":"RUNNING","KnownStatus":"RUNNING",
		"Limits":{"CPU":0.25,"Memory":128},"AvailabilityZone":"us-east-1a","AvailabilityZoneID":"use1-az1","LaunchType":"FARGATE","VPCID":"vpc-0123456789abcdef0","EphemeralStorageMetrics":{"Utilized":208,"Reserved":20496},"FaultInjectionEnabled":false,
		"Containers":[{"DockerId":"` + id + `","Name":"default","DockerName":"default","Image":"busybox:1","ImageID":"sha256:1","DesiredStatus":"RUNNING","KnownStatus":"RUNNING","Limits":{"CPU":256,"Memory":128},
		"CreatedAt":"2026-11-23T15:04:01.123456789Z","StartedAt":"2026-11-23T15:04:02.123456789Z","Type":"NORMAL","LogDriver":"awslogs","LogOptions":{"awslogs-group":"/aws/batch/job","awslogs-region":"us-east-1","awslogs-stream":"myjob/default/0123"},
		"Networks":[{"NetworkMode":"awsvpc","IPv4Addresses":["10.0.2.7"],"AttachmentIndex":0,"MACAddress":"02:42:0a:00:02:07","IPv4SubnetCIDRBlock":"10.0.2.0/24","DomainNameServers":["127.0.0.11"],"PrivateDNSName":"ip-10-0-2-7.ec2.internal","SubnetGatewayIpv4Address":"10.0.2.1/24"}],"Snapshotter":"overlayfs"}]}`
	if diff := cmp.Diff(parsed(t, want), task); diff != "" {
		t.Errorf("the task (-want +got):\n%s", diff)
	}
	named := running()
	named.facts.Network.Name = "ip-10-0-9-9.ec2.internal"
	if other := s.Open(onFargate(), endpoint.IDs{}).Container(endpoint.Container{Name: "default", Source: named}); !strings.Contains(fmt.Sprint(object(t, s.Handler(), "/v4/"+other)["Networks"]), "PrivateDNSName:ip-10-0-9-9.ec2.internal") {
		t.Error("it is not told the name that its host really has")
	}
	if tags := object(t, s.Handler(), "/v4/"+id+"/taskWithTags")["TaskTags"]; tags != nil {
		t.Errorf("Fargate's tasks show no tags; got %v", tags)
	}
	v3 := object(t, s.Handler(), "/v3/"+id)
	if diff := cmp.Diff([]any{map[string]any{"NetworkMode": "awsvpc", "IPv4Addresses": []any{"10.0.2.7"}}}, v3["Networks"]); diff != "" {
		t.Errorf("v3 knows less of networks (-want +got):\n%s", diff)
	}
}

// TestNodes is the node of a multi-node job: it has its own network, and a pause holds it.
func TestNodes(t *testing.T) {
	s := endpoint.New(endpoint.Options{})
	task := onEC2()
	task.OwnNetwork = true
	session := s.Open(task, endpoint.IDs{})
	session.Container(endpoint.Container{Name: endpoint.PauseName, Source: running()})
	id := session.Container(endpoint.Container{Name: "default", Source: running()})
	got := object(t, s.Handler(), "/v4/"+id+"/task")
	if got["KnownStatus"] != "RUNNING" {
		t.Errorf("the task is %v", got["KnownStatus"])
	}
	var list []string
	for _, c := range got["Containers"].([]any) {
		c := c.(map[string]any)
		mode := c["Networks"].([]any)[0].(map[string]any)["NetworkMode"]
		list = append(list, strings.Join([]string{c["Name"].(string), c["Type"].(string), c["DesiredStatus"].(string), c["KnownStatus"].(string), mode.(string)}, " "))
	}
	if diff := cmp.Diff([]string{"default NORMAL RUNNING RUNNING awsvpc", "~internal~ecs~pause CNI_PAUSE RESOURCES_PROVISIONED RESOURCES_PROVISIONED awsvpc"}, list); diff != "" {
		t.Errorf("the containers (-want +got):\n%s", diff)
	}
}

// TestLife follows a task of two containers: the endpoint tells what has come about, and what is meant to.
func TestLife(t *testing.T) {
	s := endpoint.New(endpoint.Options{})
	task := onEC2()
	task.Containers = []batch.Container{{Name: "setup", Image: "a"}, {Name: "main", Image: "b", Essential: true, Properties: firelens}}
	session := s.Open(task, endpoint.IDs{})
	setup, main := running(), &fake{}
	id := session.Container(endpoint.Container{Name: "setup", Source: setup})
	expect := func(when, want string) {
		t.Helper()
		got := object(t, s.Handler(), "/v4/"+id+"/task")
		line := got["DesiredStatus"].(string) + " " + got["KnownStatus"].(string)
		for _, c := range got["Containers"].([]any) {
			c := c.(map[string]any)
			line += "; " + c["Name"].(string) + " " + c["DesiredStatus"].(string) + " " + c["KnownStatus"].(string)
		}
		if line != want {
			t.Errorf("%s: got %s\nwant %s", when, line, want)
		}
	}
	expect("one is there", "RUNNING NONE; setup RUNNING RUNNING")
	session.Container(endpoint.Container{Name: "main", Source: main})
	expect("the other is not made yet", "RUNNING NONE; setup RUNNING RUNNING")
	main.facts = endpoint.Facts{Status: endpoint.ImagePulled}
	expect("its image is there", "RUNNING PULLED; setup RUNNING RUNNING; main RUNNING PULLED")
	main.facts.Status = endpoint.Running
	setup.facts.Status, setup.facts.ExitCode, setup.facts.FinishedAt = endpoint.Stopped, new(0), at(9)
	expect("the first has ended, and is not essential", "RUNNING RUNNING; setup STOPPED STOPPED; main RUNNING RUNNING")
	if got := object(t, s.Handler(), "/v4/"+id); got["ExitCode"] != 0.0 || got["FinishedAt"] == nil {
		t.Errorf("an end has an exit code, also 0; got %v", got)
	}
	if got := object(t, s.Handler(), "/v4/"+id+"/task"); got["ExecutionStoppedAt"] != nil || got["Containers"].([]any)[1].(map[string]any)["LogDriver"] != "awsfirelens" {
		t.Errorf("the execution has not stopped, and main has another log driver; got %v", got)
	}
	main.facts.Status, main.facts.FinishedAt = endpoint.Stopped, at(10)
	expect("the second has ended", "STOPPED STOPPED; setup STOPPED STOPPED; main STOPPED STOPPED")
	if got := object(t, s.Handler(), "/v4/"+id+"/task")["ExecutionStoppedAt"]; got != "2026-11-23T15:04:10.123456789Z" {
		t.Errorf("the execution stopped at %v", got)
	}
	session.Close()
	if status, _ := get(t, s.Handler(), "/v4/"+id); status != 404 {
		t.Errorf("a closed session answers %d", status)
	}
}

// TestLogging shows where the output goes, with the definition's options but for the prefix, which is in the stream's name.
func TestLogging(t *testing.T) {
	s := endpoint.New(endpoint.Options{})
	task := onEC2()
	task.Containers[0].Properties = &api.ContainerProperties{LogConfiguration: &api.LogConfiguration{LogDriver: api.LogDriverAwslogs, Options: map[string]string{
		"awslogs-stream-prefix": "p", "awslogs-create-group": "true", "awslogs-region": "eu-west-3"}}}
	id := s.Open(task, endpoint.IDs{}).Container(endpoint.Container{Name: "default", Source: running()})
	want := map[string]any{"awslogs-create-group": "true", "awslogs-group": "/aws/batch/job", "awslogs-region": "eu-west-3", "awslogs-stream": "myjob/default/0123"}
	if diff := cmp.Diff(want, object(t, s.Handler(), "/v4/"+id)["LogOptions"]); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestStopping is a task that is told to end.
func TestStopping(t *testing.T) {
	s := endpoint.New(endpoint.Options{})
	session := s.Open(onEC2(), endpoint.IDs{})
	id := session.Container(endpoint.Container{Name: "default", Source: running()})
	session.Stopping()
	for _, path := range []string{"/v4/" + id, "/v4/" + id + "/task"} {
		if got := object(t, s.Handler(), path); got["DesiredStatus"] != "STOPPED" || got["KnownStatus"] != "RUNNING" {
			t.Errorf("%s: %v, %v", path, got["DesiredStatus"], got["KnownStatus"])
		}
	}
}

// TestAddresses is runtime.md 2.11: ids look as the platform has them, and come back when an emulator restarts.
func TestAddresses(t *testing.T) {
	uuid := regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`)
	for name, test := range map[string]struct {
		task batch.Task
		id   *regexp.Regexp
	}{
		"EC2":     {onEC2(), uuid},
		"Fargate": {onFargate(), regexp.MustCompile(`^0123456789abcdef0123456789abcdef-[0-9]{10}$`)},
	} {
		test.task.JobRole = "arn:aws:iam::111122223333:role/r"
		session := endpoint.New(endpoint.Options{}).Open(test.task, endpoint.IDs{})
		id := session.Container(endpoint.Container{Name: "default", Source: running()})
		environment := session.Environment(id)
		known := endpoint.Known(append([]string{"PATH=/bin"}, environment...))
		if known.Container != id || !test.id.MatchString(id) || !uuid.MatchString(known.Credentials) {
			t.Errorf("%s: got %s and %+v", name, id, known)
		}
		if diff := cmp.Diff([]string{"ECS_CONTAINER_METADATA_URI=http://169.254.170.2/v3/" + id, "ECS_CONTAINER_METADATA_URI_V4=http://169.254.170.2/v4/" + id,
			"ECS_AGENT_URI=http://169.254.170.2/api/" + id, "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI=/v2/credentials/" + known.Credentials}, environment); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}

		next := endpoint.New(endpoint.Options{})
		adopted := next.Open(test.task, known)
		adopted.Container(endpoint.Container{Name: "default", ID: known.Container, Source: running()})
		if diff := cmp.Diff(environment, adopted.Environment(known.Container)); diff != "" {
			t.Errorf("%s, adopted (-want +got):\n%s", name, diff)
		}
		object(t, next.Handler(), "/v4/"+id)
		object(t, next.Handler(), "/v2/credentials/"+known.Credentials)
	}
	session := endpoint.New(endpoint.Options{}).Open(onEC2(), endpoint.IDs{})
	if list := session.Environment("x"); len(list) != 3 {
		t.Errorf("a task without a role has no credentials; got %v", list)
	}
}

// TestMadeAgain is a container that had to be made once more: the one before it is nobody's any more.
func TestMadeAgain(t *testing.T) {
	s := endpoint.New(endpoint.Options{})
	session := s.Open(onEC2(), endpoint.IDs{})
	first := session.Container(endpoint.Container{Name: "default", Source: running()})
	second := session.Container(endpoint.Container{Name: "default", Source: running()})
	if status, _ := get(t, s.Handler(), "/v4/"+first); status != 404 {
		t.Errorf("the first one answers %d", status)
	}
	if got := object(t, s.Handler(), "/v4/"+second+"/task")["Containers"].([]any); len(got) != 1 {
		t.Errorf("got %v", got)
	}
}

// TestStrangers is what runtime.md 6 says of unknown ids and paths.
func TestStrangers(t *testing.T) {
	h := endpoint.New(endpoint.Options{}).Handler()
	for path, want := range map[string]string{
		"/v4/x":                           `404 "V4 container metadata handler: unable to get container ID from request: unable to get docker ID from v3 endpoint ID: x"`,
		"/v4/":                            `404 "V4 container metadata handler: unable to get container ID from request: unable to get docker ID from v3 endpoint ID: "`,
		"/v4/x/task":                      `404 "V4 task metadata handler: unable to get task arn from request: unable to get task Arn from v3 endpoint ID: x"`,
		"/v4/x/taskWithTags":              `404 "V4 task metadata handler: unable to get task arn from request: unable to get task Arn from v3 endpoint ID: x"`,
		"/v4/x/stats":                     `404 "V4 container stats handler: unable to get task arn from request: unable to get task Arn from v3 endpoint ID: x"`,
		"/v4/x/task/stats":                `404 "V4 task stats handler: unable to get task arn from request: unable to get task Arn from v3 endpoint ID: x"`,
		"/v3/x":                           `400 "V3 container metadata handler: unable to get container ID from request: unable to get docker ID from v3 endpoint ID: x"`,
		"/v3/x/task":                      `500 "V3 task metadata handler: unable to get task arn from request: unable to get task Arn from v3 endpoint ID: x"`,
		"/v3/x/stats":                     `400 "V3 container stats handler: unable to get task arn from request: unable to get task Arn from v3 endpoint ID: x"`,
		"/v3/x/task/stats":                `400 "V3 task stats handler: unable to get task arn from request: unable to get task Arn from v3 endpoint ID: x"`,
		"/v4/x/associations":              "404 404 page not found",
		"/v2/metadata":                    "404 404 page not found",
		"/v2/stats":                       "404 404 page not found",
		"/api/x/task-protection/v1/state": "404 404 page not found",
		"/":                               "404 404 page not found",
	} {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest("GET", "http://169.254.170.2"+path, nil))
		status, text, _ := strings.Cut(want, " ")
		if got := strings.TrimSpace(w.Body.String()); status != w.Result().Status[:3] || got != text {
			t.Errorf("%s: got %d %s", path, w.Code, got)
		}
		if strings.HasPrefix(text, `"`) && w.Header().Get("Content-Type") != "application/json" {
			t.Errorf("%s has Content-Type %q", path, w.Header().Get("Content-Type"))
		}
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest("POST", "/v4/x", nil))
	if w.Code != 405 || w.Header().Get("Allow") != "GET" {
		t.Errorf("POST: got %d", w.Code)
	}
}

// TestOther is what else is called at the endpoint: nothing of what the agent answers.
func TestOther(t *testing.T) {
	var other []string
	h := endpoint.New(endpoint.Options{Other: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		other = append(other, r.Method+" "+r.URL.Path)
	})}).Handler()
	for _, call := range []string{"POST /v1/submitjob", "GET /v1/tags/arn:aws:batch:us-east-1:1:job/x", "POST /", "GET /v1/credentials", "GET /v2/credentials/x", "POST /v2/x", "GET /v3/x/task", "DELETE /v4/x"} {
		method, path, _ := strings.Cut(call, " ")
		h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(method, path, nil))
	}
	if diff := cmp.Diff([]string{"POST /v1/submitjob", "GET /v1/tags/arn:aws:batch:us-east-1:1:job/x", "POST /"}, other); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestEngineAbsent is a container that the engine does not tell of.
func TestEngineAbsent(t *testing.T) {
	s := endpoint.New(endpoint.Options{})
	session := s.Open(onEC2(), endpoint.IDs{})
	id := session.Container(endpoint.Container{Name: "default", Source: &fake{err: errors.New("gone")}})
	if status, body := get(t, s.Handler(), "/v4/"+id); status != 500 || body != `"unable to generate metadata for container 'default'"` {
		t.Errorf("got %d %s", status, body)
	}
	if got := object(t, s.Handler(), "/v4/"+id+"/task"); got["Containers"] != nil {
		t.Errorf("got %v", got)
	}
}

// TestHalfClosed: a client may close its half of the connection when it has asked, as nc does, and is answered all the same.
func TestHalfClosed(t *testing.T) {
	s := endpoint.New(endpoint.Options{})
	task := withRole()
	session := s.Open(task, endpoint.IDs{Credentials: "c"})
	defer session.Close()
	source := running()
	source.stats, source.takes = `{"cpu_stats":{}}`, 100*time.Millisecond
	session.Container(endpoint.Container{Name: "default", ID: "an-id", Source: source})
	server := httptest.NewServer(s.Handler())
	defer server.Close()
	for path, want := range map[string]string{
		"/v4/an-id": `"DockerId":"d0c0"`, "/v4/an-id/task": `"Containers":[{`, "/v4/an-id/stats": `"cpu_stats"`, "/v4/an-id/task/stats": `"cpu_stats"`, "/v2/credentials/c": `"AccessKeyId"`,
	} {
		c, err := net.Dial("tcp", server.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(c, "GET %s HTTP/1.0\r\n\r\n", path)
		if err := c.(*net.TCPConn).CloseWrite(); err != nil {
			t.Error(err)
		}
		answer, err := io.ReadAll(c)
		c.Close()
		if err != nil || !strings.Contains(string(answer), " 200 OK") || !strings.Contains(string(answer), want) {
			t.Errorf("%s: %v, and\n%s", path, err, answer)
		}
	}
}

// TestRate is runtime.md 6: 40 a second, 60 at once, for each id.
func TestRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := endpoint.New(endpoint.Options{})
		task := onEC2()
		task.JobRole = "r"
		session := s.Open(task, endpoint.IDs{})
		id := session.Container(endpoint.Container{Name: "default", Source: running()})
		credentials := endpoint.Known(session.Environment(id)).Credentials
		for _, path := range []string{"/v4/" + id, "/v2/credentials/" + credentials, "/v4/unknown"} {
			for i := range 61 {
				if status, _ := get(t, s.Handler(), path); (status == 429) != (i == 60) {
					t.Fatalf("%s: request %d gets %d", path, i+1, status)
				}
			}
		}
	})
}
