// Package seed reads a file of resources and creates those that are missing.
//
// The file is YAML: for each kind a list of requests, with the members that the API's own Create and Register operations have.
//
//	computeEnvironments:
//	  - computeEnvironmentName: local
//	    type: MANAGED
//	    computeResources: {type: FARGATE, maxvCpus: 16, subnets: [subnet-1], securityGroupIds: [sg-1]}
//	jobQueues:
//	  - jobQueueName: nightly
//	    priority: 1
//	    computeEnvironmentOrder: [{order: 1, computeEnvironment: local}]
//
// What is there already is left as it is, so a file may be applied again and again. Kinds are created in the order in which they need each other,
// whatever their order in the file.
package seed
