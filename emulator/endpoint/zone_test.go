package endpoint_test

import (
	"testing"

	"github.com/batch-local/batch-local/emulator/endpoint"
)

// TestZones has the ids of zones as AWS shortens its regions.
func TestZones(t *testing.T) {
	for region, want := range map[string]string{
		"us-east-1": "use1-az1", "us-gov-west-1": "usgw1-az1", "eu-central-2": "euc2-az1", "ap-northeast-1": "apne1-az1", "ap-southeast-2": "apse2-az1", "me-central-1": "mec1-az1", "r": "r-az1",
	} {
		s := endpoint.New(endpoint.Options{})
		task := onEC2()
		task.Scope.Region = region
		id := s.Open(task, endpoint.IDs{}).Container(endpoint.Container{Name: "default", Source: running()})
		if got := object(t, s.Handler(), "/v4/"+id+"/task")["AvailabilityZoneID"]; got != want {
			t.Errorf("%s: got %v, want %s", region, got, want)
		}
	}
}
