package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
	"unsafe"
)

// together does what containers do with each other.
func together(action string, args []string) error {
	arg := words(args).at
	switch action {
	case "await":
		return await(func() bool { _, err := os.Lstat(arg(0)); return err == nil })
	case "ps":
		for _, p := range processes() {
			fmt.Println(p.pid, p.state, p.words)
		}
	case "alone":
		return await(func() bool {
			return !slices.ContainsFunc(processes(), func(p process) bool { return p.pid != os.Getpid() && strings.Contains(p.words, arg(0)) })
		})
	case "beside":
		return await(func() bool {
			return slices.ContainsFunc(processes(), func(p process) bool { return p.pid != os.Getpid() && strings.Contains(p.words, arg(0)) })
		})
	case "zombies":
		n := len(slices.DeleteFunc(processes(), func(p process) bool { return p.state != "Z" }))
		fmt.Println(n)
	case "orphan": // a child that leaves a child of its own behind
		return exec.Command("/proc/self/exe", "abandon").Run()
	case "abandon":
		return exec.Command("/proc/self/exe", "sleep", "50ms").Start()
	case "self":
		return self(arg(0))
	case "shm":
		return sharedMemory(arg(0), args[min(1, len(args)):])
	case "args":
		for _, a := range args {
			fmt.Printf("%q\n", a)
		}
	case "fluent":
		return fluent(arg(0))
	case "fill":
		n, err := strconv.Atoi(arg(1))
		if err != nil {
			return err
		}
		return os.WriteFile(arg(0), make([]byte, n<<20), 0o644)
	case "cgroup":
		return cgroup(args)
	default:
		return fmt.Errorf("no such action")
	}
	return nil
}

// await looks until something is so, for ten seconds.
func await(is func() bool) error {
	for end := time.Now().Add(10 * time.Second); !is(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			return fmt.Errorf("waited for ten seconds")
		}
	}
	return nil
}

type process struct {
	pid          int
	state, words string
}

// processes are all that can be seen.
func processes() (list []process) {
	folders, _ := filepath.Glob("/proc/[0-9]*")
	for _, f := range folders {
		p := process{}
		p.pid, _ = strconv.Atoi(filepath.Base(f))
		stat, err := os.ReadFile(f + "/stat")
		if err != nil { // it has ended
			continue
		}
		_, after, _ := strings.Cut(string(stat), ") ")
		p.state, _, _ = strings.Cut(after, " ")
		words, _ := os.ReadFile(f + "/cmdline")
		p.words = strings.TrimSpace(strings.ReplaceAll(string(words), "\x00", " "))
		list = append(list, p)
	}
	slices.SortFunc(list, func(a, b process) int { return a.pid - b.pid })
	return list
}

// self prints one field of /proc/self/status.
func self(name string) error {
	data, err := os.ReadFile("/proc/self/status")
	for line := range strings.Lines(string(data)) {
		if key, value, _ := strings.Cut(line, ":"); key == name {
			fmt.Println(strings.Join(strings.Fields(value), " "))
		}
	}
	return err
}

// sharedMemory puts a text into a segment of System V, or prints the one that is there.
func sharedMemory(key string, text []string) error {
	n, err := strconv.Atoi(key)
	if err != nil {
		return err
	}
	const size, create = 4096, 0o1000
	flags := uintptr(0o666)
	if len(text) > 0 {
		flags |= create
	}
	var id uintptr
	var number syscall.Errno
	if err := await(func() bool {
		id, _, number = syscall.Syscall(syscall.SYS_SHMGET, uintptr(n), size, flags)
		return number == 0 || len(text) > 0
	}); err != nil || number != 0 {
		return fmt.Errorf("shmget: %w", number)
	}
	at, _, number := syscall.Syscall(syscall.SYS_SHMAT, id, 0, 0)
	if number != 0 {
		return fmt.Errorf("shmat: %w", number)
	}
	segment := (*[size]byte)(*(*unsafe.Pointer)(unsafe.Pointer(&at)))
	if len(text) > 0 {
		copy(segment[:], text[0])
		return nil
	}
	fmt.Println(strings.TrimRight(string(segment[:]), "\x00"))
	return nil
}

// fluent listens where a router of logs does and prints what can be printed of all that comes, a line for each run of such characters. SIGTERM ends it with
// 0, but as of a router not before it has read what those have sent who are no longer there.
func fluent(path string) error {
	l, err := net.Listen("unix", path)
	if err != nil {
		return err
	}
	term := make(chan os.Signal, 1)
	signal.Notify(term, syscall.SIGTERM)
	go func() {
		<-term
		l.(*net.UnixListener).SetDeadline(time.Now().Add(100 * time.Millisecond)) // who is at the door may come in
	}()
	var reading sync.WaitGroup
	defer reading.Wait()
	for {
		c, err := l.Accept()
		if errors.Is(err, os.ErrDeadlineExceeded) {
			return nil
		}
		if err != nil {
			return err
		}
		reading.Go(func() { printable(c) })
	}
}

func printable(from io.Reader) {
	var word []byte
	bytes := bufio.NewReader(from)
	for {
		b, err := bytes.ReadByte()
		if err == nil && b >= ' ' && b < 0x7f {
			word = append(word, b)
			continue
		}
		if len(word) > 1 {
			fmt.Println(string(word))
		}
		word = nil
		if err != nil {
			return
		}
	}
}

// cgroup prints a value of this container's cgroup, by its names in version 1 and 2: "memory.max", "memory/memory.limit_in_bytes".
func cgroup(names []string) error {
	for _, name := range names {
		if data, err := os.ReadFile("/sys/fs/cgroup/" + name); err == nil {
			fmt.Println(strings.TrimSpace(string(data)))
			return nil
		}
	}
	return fmt.Errorf("none of them is there")
}
