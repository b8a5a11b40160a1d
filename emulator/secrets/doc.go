// Package secrets finds what a job definition only refers to: the secrets of its containers, the credentials of private registries, and what
// pods have as Kubernetes secrets (runtime.md 2.6 and 2.7).
//
// There are two sources, and the first that has a value counts. A YAML file, read again when it has changed:
//
//	db-password: hunter2                                     # a secret by its name, whatever six characters its ARN ends in
//	/app/token: abc                                          # a parameter
//	database: {username: app, password: hunter2}             # a secret whose text is JSON; for pods a secret with two keys
//	arn:aws:secretsmanager:eu-west-1:111122223333:secret:db-password-AbCdEf: other
//	arn:aws:secretsmanager:eu-west-1:111122223333:secret:db-AbCdEf:password:AWSPREVIOUS:: old    # exactly this valueFrom
//
// And the URL of a Secrets Manager and Systems Manager beside us, such as LocalStack or moto.
//
// Failures are told in the words of the ECS agent. No value is ever part of an error or of our log: that is tested.
package secrets
