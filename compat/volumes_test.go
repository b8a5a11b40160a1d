package compat

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/batch/types"
)

// TestVolumes looks from the inside at what jobs mount (runtime.md 2.3, 2.4).
func TestVolumes(t *testing.T) {
	t.Parallel()
	host, efs := t.TempDir(), t.TempDir()
	for file, text := range map[string]string{host + "/sub/file": "from the host\n", efs + "/file": "from the file system\n", efs + "/deep/down/file": "from below\n"} {
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	f := newField(t, "--job-network", "compat-volumes", "--map-host-path", "/mapped="+host, "--map-efs", "fs-0123456789abcdef0="+efs)
	t.Run("host paths", func(t *testing.T) { f.hostPaths(t, host) })
	t.Run("links", f.links)
	t.Run("colons", f.colons)
	t.Run("own volumes", f.ownVolumes)
	t.Run("file systems", func(t *testing.T) { f.fileSystems(t, efs) })
	if disks := engine(t, "volume", "ls", "-q", "--filter", "label=batch-local.instance="+f.s.instance); disks == "" {
		t.Error("the disks went before the server")
	}
	f.close(t)
}

// mount adds a volume and where it is mounted.
func mount(name, path string, v types.Volume) func(*types.ContainerProperties) {
	return func(c *types.ContainerProperties) {
		v.Name = &name
		readOnly := strings.HasSuffix(path, ":ro")
		at := strings.TrimSuffix(path, ":ro")
		c.Volumes = append(c.Volumes, v)
		c.MountPoints = append(c.MountPoints, types.MountPoint{SourceVolume: &name, ContainerPath: &at, ReadOnly: &readOnly})
	}
}

// onHost is a path of the instance.
func onHost(path string) types.Volume { return types.Volume{Host: &types.Host{SourcePath: &path}} }

// all does several changes.
func all(changes ...func(*types.ContainerProperties)) func(*types.ContainerProperties) {
	return func(c *types.ContainerProperties) {
		for _, change := range changes {
			change(c)
		}
	}
}

func (f *field) hostPaths(t *testing.T, host string) {
	t.Run("2.3 a host path is on the instance's disk, and jobs share it", func(t *testing.T) {
		data := mount("data", "/data", onHost("/srv/data"))
		lines := f.see(t, spec{queue: f.ec2, command: []string{"stat", "/data", "then", "ls", "/data", "then", "append", "/data/log", "one"}, change: data})
		same(t, "the folder is made as root's", lines, "drwxr-xr-x 0:0 4096")
		f.see(t, spec{queue: f.ec2, command: []string{"append", "/elsewhere/log", "two"}, change: mount("x", "/elsewhere", onHost("/srv/data"))})
		f.see(t, spec{queue: f.ec2, command: []string{"append", "/srv/data/log", "three"}, change: mount("x", "/srv", onHost("/srv"))})
		same(t, "the log", f.see(t, spec{queue: f.ec2, command: []string{"cat", "/data/log"}, change: data}), "one", "two", "three")
	})
	t.Run("2.3 it is not this machine's", func(t *testing.T) {
		if _, err := os.Stat("/etc/passwd"); err != nil {
			t.Skip("this machine has no /etc/passwd to look for")
		}
		for _, path := range []string{"/etc", "/", "/proc", "/data/../etc", "/var/lib/docker"} {
			lines := f.see(t, spec{queue: f.ec2, command: []string{"try", "cat", "/there/passwd", "then", "try", "cat", "/there/etc/passwd", "then", "try", "ls", "/there/containers", "then", "try", "stat", "/there/1"}, change: mount("x", "/there", onHost(path))})
			for _, l := range lines {
				if !strings.Contains(l, "no such file or directory") {
					t.Errorf("%s: %q", path, lines)
					break
				}
			}
		}
	})
	t.Run("2.3 the engine's socket is refused", func(t *testing.T) {
		for _, path := range []string{"/var/run/docker.sock", "/run/docker.sock", "/var/run/../run//docker.sock"} {
			f.fails(t, spec{queue: f.ec2, command: []string{"exit", "0"}, change: mount("socket", "/var/run/docker.sock", onHost(path))}, "CannotCreateContainerError: ", "socket")
		}
	})
	t.Run("2.3 a path that is mapped is a real folder", func(t *testing.T) {
		needBeside(t)
		lines := f.see(t, spec{queue: f.ec2, command: []string{"cat", "/in/sub/file", "then", "cat", "/below/file", "then", "write", "/in/new", "from a job\n", "then", "try", "write", "/below/no", "x"},
			change: all(mount("in", "/in", onHost("/mapped")), mount("below", "/below:ro", onHost("/mapped/sub/")))})
		same(t, "lines", lines, "from the host", "from the host", "open /below/no: read-only file system")
		if data, err := os.ReadFile(host + "/new"); err != nil || string(data) != "from a job\n" {
			t.Errorf("the folder has %q, %v", data, err)
		}
		same(t, "what only begins like it is another", f.see(t, spec{queue: f.ec2, command: []string{"ls", "/in"}, change: mount("in", "/in", onHost("/mapped-not"))}))
		same(t, "a folder that is missing is made", f.see(t, spec{queue: f.ec2, command: []string{"ls", "/in"}, change: mount("in", "/in", onHost("/mapped/made"))}))
		if is, err := os.Stat(host + "/made"); err != nil || !is.IsDir() {
			t.Error(err)
		}
	})
	t.Run("2.3 a file on a folder, and the reverse", func(t *testing.T) {
		needBeside(t)
		f.fails(t, spec{queue: f.ec2, command: []string{"exit", "0"}, change: mount("x", "/tmp", onHost("/mapped/sub/file"))}, "CannotStartContainerError: Error response from daemon: ")
		f.fails(t, spec{queue: f.ec2, command: []string{"exit", "0"}, change: mount("x", "/workload", onHost("/mapped/sub"))}, "CannotStartContainerError: Error response from daemon: ")
	})
	t.Run("2.3 two mounts on one path", func(t *testing.T) {
		f.fails(t, spec{queue: f.ec2, command: []string{"exit", "0"}, change: all(mount("a", "/x", onHost("/a")), mount("b", "/x", onHost("/b")))}, "CannotCreateContainerError: Error response from daemon: Duplicate mount point: /x")
	})
}

func (f *field) ownVolumes(t *testing.T) {
	image := picture(t, map[string]string{"data/of/image": "from the image\n", "hidden/x": "y"})
	for _, platform := range []string{f.ec2, f.fargate} {
		t.Run("2.3 "+platform+" an empty host volume is filled from the image, is the attempt's own, and goes", func(t *testing.T) {
			for range 2 {
				id := f.submit(t, spec{queue: platform, command: []string{"cat", "/data/of/image", "then", "ls", "/data", "then", "ls", "/empty", "then", "write", "/data/left", "x", "then", "write", "/empty/left", "x",
					"then", "try", "write", "/ro/left", "x", "then", "cat", "/again/left"},
					change: all(func(c *types.ContainerProperties) { c.Image = &image }, mount("own", "/data", types.Volume{}), mount("empty", "/empty", types.Volume{Host: &types.Host{}}), mount("ro", "/ro:ro", types.Volume{}),
						func(c *types.ContainerProperties) {
							c.MountPoints = append(c.MountPoints, types.MountPoint{SourceVolume: aws.String("empty"), ContainerPath: aws.String("/again")})
						})})
				e := f.end(t, id)
				if e.status != types.JobStatusSucceeded {
					t.Errorf("%s (%s / %s)", e.status, e.why, e.reason)
				}
				if len(e.lines) != 4 || e.lines[0] != "from the image" || e.lines[1] != "of" || e.lines[2] != "open /ro/left: read-only file system" || e.lines[3] != "x" {
					t.Errorf("%q", e.lines)
				}
				f.gone(t, id)
			}
		})
	}
	t.Run("2.3 a host path is not filled", func(t *testing.T) {
		same(t, "it has", f.see(t, spec{queue: f.ec2, command: []string{"ls", "/hidden"}, change: all(func(c *types.ContainerProperties) { c.Image = &image }, mount("h", "/hidden", onHost("/empty")))}))
	})
	t.Run("2.3 volumes of a job that fails, or does not start, go too", func(t *testing.T) {
		e := f.end(t, f.submit(t, spec{queue: f.ec2, command: []string{"exit", "1"}, change: mount("own", "/data", types.Volume{})}))
		f.gone(t, e.id)
		e = f.end(t, f.submit(t, spec{queue: f.ec2, command: []string{"exit", "0"}, change: all(mount("own", "/data", types.Volume{}), func(c *types.ContainerProperties) { c.User = aws.String("nobody-here") })}))
		f.gone(t, e.id)
		same(t, "and it failed", []string{e.why}, "Task failed to start")
	})
	t.Run("2.3 two own volumes on one path", func(t *testing.T) {
		f.fails(t, spec{queue: f.fargate, command: []string{"exit", "0"}, change: all(mount("a", "/x", types.Volume{}), mount("b", "/x", types.Volume{}))}, "CannotCreateContainerError: Error response from daemon: Duplicate mount point: /x")
	})
	t.Run("2.3 Fargate refuses a host path", func(t *testing.T) {
		if _, err := f.register(t, spec{queue: f.fargate, change: mount("x", "/x", onHost("/x"))}); err == nil {
			t.Error("registered")
		}
	})
}

// gone wants nothing of a job on the engine. What it had is taken away when it has ended, so it may take a moment.
func (f *field) gone(t *testing.T, id string) {
	t.Helper()
	eventually(t, "things of job "+id+" are on the engine", func() bool {
		return engine(t, "ps", "-aq", "--filter", "label=batch-local.job="+id)+engine(t, "volume", "ls", "-q", "--filter", "label=batch-local.job="+id) == ""
	})
}

// links: what a job leaves behind cannot lead the next one's mounts out of the disk (decisions, behaviours 5 and 6).
func (f *field) links(t *testing.T) {
	efs := func(root string) types.Volume {
		return types.Volume{EfsVolumeConfiguration: &types.EFSVolumeConfiguration{FileSystemId: aws.String("fs-00000000000000009"), RootDirectory: &root}}
	}
	for name, at := range map[string]func(path string) types.Volume{"the instance's disk": onHost, "a mapped folder": func(path string) types.Volume { return onHost("/mapped" + path) }, "a file system": efs} {
		t.Run(name, func(t *testing.T) {
			f.see(t, spec{queue: f.ec2, command: []string{"symlink", "/", "/m/out", "then", "mkdir", "/m/in"}, change: mount("m", "/m", at("/"))})
			for _, path := range []string{"/out", "/out/etc"} {
				f.fails(t, spec{queue: f.ec2, command: []string{"ls", "/m"}, change: mount("m", "/m", at(path))}, "CannotCreateVolumeError: /out is a symbolic link")
			}
			same(t, "a folder beside it", f.see(t, spec{queue: f.ec2, command: []string{"ls", "/m", "then", "echo", "fine"}, change: mount("m", "/m", at("/in"))}), "fine")
		})
	}
}

// colons: a path that the engine could read as several is none, so what one job leaves and another one calls its folders lead nowhere together.
func (f *field) colons(t *testing.T) {
	refused := func(name string, v types.Volume, target string) {
		t.Run(name, func(t *testing.T) {
			f.fails(t, spec{queue: f.ec2, command: []string{"ls", "/host", "then", "ls", "/x"}, change: mount("m", target, v)}, "CannotCreateContainerError: Error response from daemon: invalid volume specification: ")
		})
	}
	for _, at := range []string{"", "/mapped"} {
		f.see(t, spec{queue: f.ec2, command: []string{"symlink", "/", "/m/colon"}, change: mount("m", "/m", onHost(at+"/"))})
		refused(at+": a source that is a link and a target", onHost(at+"/colon:/host"), "rw")
		refused(at+": a source with a colon", onHost(at+"/other:"), "/x")
		refused(at+": a target and a way to mount it", onHost(at+"/in"), "/x:rshared")
		refused(at+": a target that is only a way to mount", onHost(at+"/in"), "rw")
	}
	refused("an access point", types.Volume{EfsVolumeConfiguration: &types.EFSVolumeConfiguration{FileSystemId: aws.String("fs-00000000000000009"), TransitEncryption: types.EFSTransitEncryptionEnabled,
		AuthorizationConfig: &types.EFSAuthorizationConfig{AccessPointId: aws.String("fsap-1")}}}, "/x:rshared")
}

func (f *field) fileSystems(t *testing.T, efs string) {
	fs := func(id, root, point string) types.Volume {
		v := &types.EFSVolumeConfiguration{FileSystemId: &id}
		if root != "" {
			v.RootDirectory = &root
		}
		if point != "" {
			v.AuthorizationConfig, v.TransitEncryption = &types.EFSAuthorizationConfig{AccessPointId: &point}, types.EFSTransitEncryptionEnabled
		}
		return types.Volume{EfsVolumeConfiguration: v}
	}
	const real, made = "fs-0123456789abcdef0", "fs-00000000000000001"
	for _, platform := range []string{f.ec2, f.fargate} {
		t.Run("2.4 "+platform+" a file system that is mapped", func(t *testing.T) {
			needBeside(t)
			lines := f.see(t, spec{queue: platform, command: []string{"cat", "/efs/file", "then", "cat", "/down/file", "then", "write", "/efs/" + platform, "from a job\n", "then", "try", "write", "/down/no", "x"},
				change: all(mount("efs", "/efs", fs(real, "", "")), mount("down", "/down:ro", fs(real, "/deep/down", "")))})
			same(t, "lines", lines, "from the file system", "from below", "open /down/no: read-only file system")
			if data, err := os.ReadFile(efs + "/" + platform); err != nil || string(data) != "from a job\n" {
				t.Errorf("the folder has %q, %v", data, err)
			}
		})
		t.Run("2.4 "+platform+" a root directory that is missing", func(t *testing.T) {
			words := map[string]string{f.ec2: "does not exist: ", f.fargate: "No such file or directory"}
			want := "CannotStartContainerError: Error response from daemon: "
			if platform == f.fargate {
				want = "ResourceInitializationError: failed to invoke EFS utils commands to set up EFS volumes: "
			}
			for _, id := range []string{real, made} {
				f.fails(t, spec{queue: platform, command: []string{"exit", "0"}, change: mount("efs", "/efs", fs(id, "/no/such", ""))}, want, words[platform])
			}
		})
	}
	t.Run("2.4 a file system is the same for both platforms, and its folders are roots once they are made", func(t *testing.T) {
		f.see(t, spec{queue: f.ec2, command: []string{"mkdir", "/efs/made/here", "then", "append", "/efs/made/here/log", "ec2"}, change: mount("efs", "/efs", fs(made, "/", ""))})
		f.see(t, spec{queue: f.fargate, command: []string{"append", "/here/log", "fargate"}, change: mount("efs", "/here", fs(made, "/made/here", ""))})
		same(t, "the log", f.see(t, spec{queue: f.ec2, command: []string{"cat", "/efs/made/here/log"}, change: mount("efs", "/efs", fs(made, "", ""))}), "ec2", "fargate")
		same(t, "another file system", f.see(t, spec{queue: f.ec2, command: []string{"ls", "/efs"}, change: mount("efs", "/efs", fs("fs-00000000000000002", "", ""))}))
	})
	t.Run("2.4 an access point", func(t *testing.T) {
		needBeside(t)
		point := mount("efs", "/efs", fs(real, "", "fsap-0123456789abcdef0"))
		same(t, "it is made", f.see(t, spec{queue: f.fargate, command: []string{"stat", "/efs", "then", "append", "/efs/log", "one"}, change: point}), "drwxr-xr-x 0:0 4096")
		same(t, "it stays", f.see(t, spec{queue: f.ec2, command: []string{"cat", "/efs/log"}, change: point}), "one")
		if data, err := os.ReadFile(efs + "/fsap-0123456789abcdef0/log"); err != nil || string(data) != "one\n" {
			t.Errorf("the folder has %q, %v", data, err)
		}
	})
	t.Run("2.4 S3 Files", func(t *testing.T) {
		const arn = "arn:aws:s3files:us-east-1:000000000000:file-system/fs-00000000000000003"
		files := func(root, point string) types.Volume {
			v := &types.S3FilesVolumeConfiguration{FileSystemArn: aws.String(arn)}
			if root != "" {
				v.RootDirectory = &root
			}
			if point != "" {
				v.AccessPointArn = aws.String(arn + "/access-point/" + point)
			}
			return types.Volume{S3filesVolumeConfiguration: v}
		}
		role := func(c *types.ContainerProperties) { c.JobRoleArn = aws.String("arn:aws:iam::000000000000:role/job") }
		f.see(t, spec{queue: f.ec2, command: []string{"mkdir", "/s3/prefix", "then", "append", "/s3/prefix/key", "value"}, change: all(role, mount("s3", "/s3", files("", "")))})
		same(t, "the key", f.see(t, spec{queue: f.fargate, command: []string{"cat", "/s3/key", "then", "try", "write", "/s3/no", "x"}, change: all(role, mount("s3", "/s3:ro", files("/prefix", "")))}), "value", "open /s3/no: read-only file system")
		same(t, "an access point", f.see(t, spec{queue: f.ec2, command: []string{"ls", "/s3"}, change: all(role, mount("s3", "/s3", files("", "fsap-00000000000000001")))}))
		f.fails(t, spec{queue: f.ec2, command: []string{"exit", "0"}, change: all(role, mount("s3", "/s3", files("/no/such", "")))}, "Cannot")
	})
}

// TestDisks is how long what jobs leave lasts: with the server, or with its data (decisions, behaviour 5).
func TestDisks(t *testing.T) {
	t.Parallel()
	f := newField(t, "--job-network", "compat-disks", "--data-dir", t.TempDir())
	data := all(mount("data", "/data", onHost("/srv")), mount("efs", "/efs", types.Volume{EfsVolumeConfiguration: &types.EFSVolumeConfiguration{FileSystemId: aws.String("fs-00000000000000001")}}))
	f.see(t, spec{queue: f.ec2, command: []string{"append", "/data/log", "before", "then", "append", "/efs/log", "before"}, change: data})
	for _, end := range []func(){f.s.stop, f.s.kill} {
		end()
		f.s.start()
		f.c = f.s.batch()
		same(t, "after the restart", f.see(t, spec{queue: f.ec2, command: []string{"cat", "/data/log", "then", "cat", "/efs/log"}, change: data}), "before", "before")
	}
	f.s.stop()
	left := strings.Fields(engine(t, "volume", "ls", "-q", "--filter", "label=batch-local.instance="+f.s.instance))
	if len(left) != 2 {
		t.Errorf("with --data-dir the disks should stay; there are %q", left)
	}
	engine(t, append([]string{"volume", "rm"}, left...)...)
	if left := everything(t, f.s.instance); left != "" {
		t.Errorf("left on the engine:\n%s", left)
	}
}
