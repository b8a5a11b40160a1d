package compat

import (
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/batch/types"
)

// TestFirelens is tasks whose output one of their containers routes (runtime.md 2.5). The router is no real one: it prints what it finds, and what arrives.
func TestFirelens(t *testing.T) {
	c := newCrew(t)
	type containers = []types.TaskContainerProperties
	routed := func(options map[string]string) func(*types.TaskContainerProperties) {
		return func(c *types.TaskContainerProperties) {
			c.LogConfiguration = &types.LogConfiguration{LogDriver: types.LogDriverAwsfirelens, Options: options}
		}
	}
	router := func(of types.FirelensConfigurationType, options map[string]string) func(*types.TaskContainerProperties) {
		return func(c *types.TaskContainerProperties) {
			c.FirelensConfiguration = &types.FirelensConfiguration{Type: of, Options: options}
		}
	}
	const bit, fluentd = "/fluent-bit/etc/fluent-bit.conf", "/fluentd/etc/fluent.conf"
	listens := func(file string) []string {
		return do("env", "FLUENT_UID", "then", "cat", file, "then", "echo", "END", "then", "fluent", "/var/run/fluent.sock")
	}

	t.Run("routes", func(t *testing.T) {
		for name, test := range map[string]struct {
			kind    types.FirelensConfigurationType
			file    string
			fargate bool
			options map[string]string // of the router
			app     map[string]string
			host    []string // what the app finds in its environment
			has     []string // parts of the configuration
			lacks   []string
		}{
			"fluentbit on EC2": {
				kind: types.FirelensConfigurationTypeFluentbit, file: bit, app: map[string]string{"Name": "cloudwatch", "region": "us-east-1", "log-driver-buffer-limit": "1048576"},
				host: do("(not set)", "(not set)"),
				has: do("(not set)\n[INPUT]", "Name forward", "unix_path /var/run/fluent.sock", "Record ecs_cluster AWSBatch-", "Record ecs_task_arn arn:aws:ecs:us-east-1:", "Record ecs_task_definition ",
					"[OUTPUT]\n    Name cloudwatch\n    Match app-firelens*\n    region us-east-1\n"), lacks: do("buffer-limit", "@INCLUDE"),
			},
			"fluentbit on Fargate, with a file and without metadata": {
				kind: types.FirelensConfigurationTypeFluentbit, file: bit, fargate: true, options: map[string]string{"enable-ecs-log-metadata": "false", "config-file-type": "file", "config-file-value": "/extra.conf"},
				host: do("127.0.0.1", "24224"), has: do("@INCLUDE /extra.conf"), lacks: do("ecs_cluster", "[OUTPUT]"),
			},
			"fluentd on Fargate": {
				kind: types.FirelensConfigurationTypeFluentd, file: fluentd, fargate: true, app: map[string]string{"@type": "stdout"},
				host: do("127.0.0.1", "24224"), has: do("0\n<source>\n  @type unix\n  path /var/run/fluent.sock", "ecs_task_arn arn:aws:ecs:", "<match app-firelens**>\n  @type stdout\n</match>"),
			},
		} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				queue := c.ec2
				if test.fargate {
					queue = c.fargate
				}
				id := c.task(t, queue, types.EcsTaskProperties{Containers: containers{
					hand("app", do("echo", "what the app says", "then", "err", "and complains of", "then", "env", "FLUENT_HOST", "then", "env", "FLUENT_PORT", "then", "lines", "100", "then", "exit", "3"), routed(test.app)),
					hand("router", listens(test.file), router(test.kind, test.options))}})
				f := c.finish(t, id)
				wants(t, "status", "FAILED"+exited, f.status())
				wants(t, "ends", do("app 3", "router 0"), f.ends)
				if f.stream("app") != nil {
					t.Errorf("the app, whose output the router takes, has a log stream: %s", *f.stream("app"))
				}
				text := strings.Join(f.lines["router"], "\n")
				configuration, arrived, found := strings.Cut(text, "END")
				if !found {
					t.Fatalf("the router printed:\n%s", text)
				}
				for _, part := range test.has {
					if !strings.Contains(configuration, part) {
						t.Errorf("its configuration lacks %q:\n%s", part, configuration)
					}
				}
				for _, part := range test.lacks {
					if strings.Contains(configuration, part) {
						t.Errorf("its configuration has %q:\n%s", part, configuration)
					}
				}
				_, task, _ := strings.Cut(aws.ToString(f.EcsProperties.TaskProperties[0].TaskArn), "/")
				_, task, _ = strings.Cut(task, "/")
				words := strings.Split(arrived, "\n")
				for _, part := range slices.Concat(do("what the app says", "and complains of", "app-firelens-"+task, "stdout", "stderr", "container_name", "container_id", "99"), test.host) {
					if !slices.ContainsFunc(words, func(w string) bool { return strings.Contains(w, part) }) {
						t.Errorf("%q did not arrive:\n%s", part, arrived)
					}
				}
			})
		}
	})

	t.Run("the app waits for the router, and ends before it", func(t *testing.T) {
		late := hand("router", listens(bit), router(types.FirelensConfigurationTypeFluentbit, nil), after("first", "COMPLETE"))
		id := c.task(t, c.ec2, types.EcsTaskProperties{Containers: containers{
			hand("app", do("trap", "0", "last words", "then", "echo", "up", "then", "sleep", "10m"), routed(nil)), late, hand("first", do("sleep", "1s"), helper)}})
		c.in(t).await(id, "RUNNING")
		c.in(t).awaitText(id, "router", "up")
		terminate(t, c.s, id)
		f := c.finish(t, id)
		wants(t, "ends", do("app 0", "router 0", "first 0"), f.ends)
		if text := strings.Join(f.lines["router"], "\n"); !strings.Contains(text, "last words") {
			t.Errorf("what the app said when it was stopped did not arrive:\n%s", text)
		}
	})

	t.Run("a router that cannot start", func(t *testing.T) {
		id := c.task(t, c.ec2, types.EcsTaskProperties{Containers: containers{hand("app", do("echo", "x"), routed(nil)),
			hand("router", nil, router(types.FirelensConfigurationTypeFluentbit, nil), func(c *types.TaskContainerProperties) { c.Image = aws.String("batch-local/nosuch:1") })}})
		f := c.finish(t, id)
		wants(t, "status", "FAILED: Task failed to start", f.status())
		wants(t, "ends", do("app*", "router CannotPullContainerError: *"), likeAll(f.ends, do("app*", "router CannotPullContainerError: *")))
	})

	t.Run("a router that dies takes the task along", func(t *testing.T) {
		id := c.task(t, c.ec2, types.EcsTaskProperties{Containers: containers{hand("app", do("trap", "0", "then", "echo", "x", "then", "sleep", "10m"), routed(nil)),
			hand("router", do("sleep", "1s", "then", "exit", "5"), router(types.FirelensConfigurationTypeFluentbit, nil))}})
		f := c.finish(t, id)
		wants(t, "status", "FAILED"+exited, f.status())
		wants(t, "ends", do("app 0", "router 5"), f.ends)
	})

	t.Run("a router whose root is read only", func(t *testing.T) {
		id := c.task(t, c.ec2, types.EcsTaskProperties{Containers: containers{hand("app", do("echo", "hello", "then", "sleep", "500ms"), routed(nil)),
			hand("router", listens(bit), router(types.FirelensConfigurationTypeFluentbit, nil), func(c *types.TaskContainerProperties) { c.ReadonlyRootFilesystem = aws.Bool(true) })}})
		f := c.finish(t, id)
		wants(t, "status", "SUCCEEDED"+exited, f.status())
		if text := strings.Join(f.lines["router"], "\n"); !strings.Contains(text, "[INPUT]") || !strings.Contains(text, "hello") {
			t.Errorf("the router printed:\n%s", text)
		}
	})

	c.stop(t)
}
