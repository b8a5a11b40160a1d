package main

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
)

// look does what looks around in a container.
func look(action string, args []string) error {
	arg := words(args).at
	switch action {
	case "append":
		f, err := os.OpenFile(arg(0), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
		if err != nil {
			return err
		}
		defer f.Close()
		_, err = fmt.Fprintln(f, arg(1))
		return err
	case "mkdir":
		return os.MkdirAll(arg(0), 0o755)
	case "chmod":
		mode, err := strconv.ParseUint(arg(0), 8, 32)
		if err != nil {
			return err
		}
		return os.Chmod(arg(1), os.FileMode(mode))
	case "ls":
		entries, err := os.ReadDir(arg(0))
		for _, e := range entries {
			fmt.Println(e.Name())
		}
		return err
	case "stat":
		return stat(arg(0))
	case "link":
		to, err := os.Readlink(arg(0))
		fmt.Println(to)
		return err
	case "symlink":
		return os.Symlink(arg(0), arg(1))
	case "mounts":
		return mounts(arg(0))
	case "id":
		fmt.Printf("%d:%d\n", os.Getuid(), os.Getgid())
	case "limits":
		return limits()
	case "lookup":
		addresses, err := net.LookupHost(os.ExpandEnv(arg(0)))
		fmt.Println(strings.Join(addresses, " "))
		return err
	case "ask":
		return ask(arg(0))
	case "fork":
		child := exec.Command("/proc/self/exe", args...)
		child.Stdout, child.Stderr = os.Stdout, os.Stderr
		if err := child.Run(); child.ProcessState == nil {
			return err
		}
		fmt.Println(child.ProcessState)
	case "try":
		if err := do(arg(0), args[min(1, len(args)):]); err != nil {
			fmt.Println(err)
		}
	default:
		return together(action, args)
	}
	return nil
}

func stat(file string) error {
	is, err := os.Lstat(file)
	if err != nil {
		return err
	}
	owner := is.Sys().(*syscall.Stat_t)
	fmt.Printf("%s %d:%d %d\n", is.Mode(), owner.Uid, owner.Gid, is.Size())
	return nil
}

func mounts(prefix string) error {
	f, err := os.Open("/proc/self/mounts")
	if err != nil {
		return err
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		if words := strings.Fields(lines.Text()); strings.HasPrefix(words[1], prefix) {
			fmt.Println(words[1], words[2], words[3])
		}
	}
	return lines.Err()
}

// limits prints those of a child that has not begun: Go raises its own limit of files when it starts.
func limits() error {
	child := exec.Command("/proc/self/exe")
	child.SysProcAttr = &syscall.SysProcAttr{Ptrace: true}
	if err := child.Start(); err != nil {
		return err
	}
	defer child.Process.Kill()
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/limits", child.Process.Pid))
	if err != nil {
		return err
	}
	for _, line := range strings.Split(strings.TrimSpace(string(data)), "\n")[1:] {
		name, values := line[:26], strings.Fields(line[26:])
		fmt.Println(strings.ReplaceAll(strings.ToLower(strings.TrimPrefix(strings.TrimSpace(name), "Max ")), " ", "-"), values[0], values[1])
	}
	return nil
}

func ask(url string) error {
	answer, err := http.Get(os.ExpandEnv(url))
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	fmt.Println(answer.StatusCode, answer.Header.Get("Content-Type"), strings.TrimSpace(string(body)))
	return err
}
