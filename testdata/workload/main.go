// Command workload is what test containers run: a static program that needs nothing in its image. Its arguments are actions,
// joined by the word "then"; the program ends with 0 after the last, or where an action ends it.
//
//	echo TEXT...        print a line on stdout         err TEXT...        print a line on stderr
//	raw TEXT            print without a newline        lines N [WIDTH]    print N numbered lines, padded
//	sequence N PAUSE    print a line, pause, N times   both N             N numbered lines on each of stdout, stderr in turn
//	flood BYTES         print so many bytes, in lines of 100
//	exit N              end with a code                sleep DURATION     wait
//	spin DURATION       keep one CPU busy
//	only NAME VALUE     end with 0 unless the variable has that value
//	trap CODE [TEXT]    from now on, SIGTERM prints a line and ends with CODE
//	ignore              from now on, SIGTERM does nothing
//	alloc MIB           take and touch so much memory, and hold it
//	env [NAME]          print the environment, or one variable
//	write FILE TEXT     write a file                   cat FILE           print one
//	get URL             print the body of an answer    listen ADDR        answer one connection with its first line
//	connect ADDR TEXT   send a line, print the answer  host               print host name and addresses
//	append FILE TEXT    add a line to a file           mkdir DIR          make a folder and those above it
//	chmod MODE FILE     change permissions (octal)     ls DIR             print the names in a folder
//	stat FILE           print mode, UID:GID and size   link FILE          print where a symbolic link goes
//	symlink TARGET FILE make one
//	mounts PREFIX       print target, type and options of the mounts whose target begins so
//	id                  print user and group           limits             print NAME SOFT HARD of each limit
//	lookup NAME         print addresses of a host      ask URL            print status, content type and body
//	fork ACTION...      do it in a child, print how that ended, and go on
//	try ACTION...       do it, print the error if there is one, and go on
//	await FILE          wait until it is there         self FIELD         print a field of /proc/self/status
//	ps                  print PID STATE COMMAND of all
//	beside WORD         wait for a process with WORD   alone WORD         wait until there is none
//	orphan              leave a child behind           zombies            print how many there are
//	shm KEY [TEXT]      a segment of System V: put a text there, or wait for it and print it
//	args TEXT...        print each as Go writes it     cgroup NAME...     print the first of these files of the cgroup
//	fill FILE MIB       write so much into a file
//	fluent SOCKET       listen there, print what can be printed of what comes, until SIGTERM and the senders' end
//
// ADDR, NAME of lookup and URL of ask may have variables: connect '$MAIN:7000' hello.
package main

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

func main() {
	rest := os.Args[1:]
	for len(rest) > 0 {
		action := rest
		if i := slices.Index(rest, "then"); i >= 0 {
			action, rest = rest[:i], rest[i+1:]
		} else {
			rest = nil
		}
		if len(action) == 0 {
			continue
		}
		if err := do(action[0], action[1:]); err != nil {
			fmt.Fprintf(os.Stderr, "workload: %s: %v\n", action[0], err)
			os.Exit(2)
		}
	}
}

var held [][]byte // what alloc took

// words are the arguments of an action; those that are missing are empty.
type words []string

func (w words) at(i int) string {
	if i < len(w) {
		return w[i]
	}
	return ""
}

func do(action string, args []string) error {
	arg := words(args).at
	switch action {
	case "echo":
		fmt.Println(strings.Join(args, " "))
	case "err":
		fmt.Fprintln(os.Stderr, strings.Join(args, " "))
	case "raw":
		fmt.Print(arg(0))
	case "lines":
		return lines(arg(0), arg(1))
	case "flood":
		return flood(arg(0))
	case "both":
		return both(arg(0))
	case "sequence":
		return sequence(arg(0), arg(1))
	case "spin":
		return spin(arg(0))
	case "only":
		if os.Getenv(arg(0)) != arg(1) {
			os.Exit(0)
		}
	case "exit":
		code, err := strconv.Atoi(arg(0))
		if err != nil {
			return err
		}
		os.Exit(code)
	case "sleep":
		d, err := time.ParseDuration(arg(0))
		if err != nil {
			return err
		}
		time.Sleep(d)
	case "trap":
		return trap(arg(0), arg(1))
	case "ignore":
		signal.Ignore(syscall.SIGTERM)
	case "alloc":
		return alloc(arg(0))
	case "env":
		return env(args)
	case "write":
		return os.WriteFile(arg(0), []byte(arg(1)), 0o644)
	case "cat":
		data, err := os.ReadFile(arg(0))
		fmt.Print(string(data))
		return err
	case "get":
		return get(arg(0))
	case "listen":
		return listen(arg(0))
	case "connect":
		return connect(arg(0), arg(1))
	case "host":
		return host()
	default:
		return look(action, args)
	}
	return nil
}

func lines(count, width string) error {
	n, err := strconv.Atoi(count)
	if err != nil {
		return err
	}
	w, _ := strconv.Atoi(width)
	out := bufio.NewWriterSize(os.Stdout, 64<<10)
	for i := range n {
		fmt.Fprintf(out, "%-*d\n", w, i)
	}
	return out.Flush()
}

// flood ends with a whole line or with what is left of the count.
func flood(size string) error {
	n, err := strconv.Atoi(size)
	if err != nil {
		return err
	}
	line := strings.Repeat("0123456789", 10)[:99] + "\n"
	out := bufio.NewWriterSize(os.Stdout, 64<<10)
	for ; n > 0; n -= len(line) {
		if _, err := out.WriteString(line[max(0, len(line)-n):]); err != nil {
			return err
		}
	}
	return out.Flush()
}

func both(count string) error {
	n, err := strconv.Atoi(count)
	if err != nil {
		return err
	}
	for i := range n {
		fmt.Println("out", i)
		fmt.Fprintln(os.Stderr, "err", i)
	}
	return nil
}

func sequence(count, pause string) error {
	n, err := strconv.Atoi(count)
	if err != nil {
		return err
	}
	d, err := time.ParseDuration(pause)
	if err != nil {
		return err
	}
	for i := range n {
		fmt.Printf("%d of %d\n", i+1, n)
		time.Sleep(d)
	}
	return nil
}

func spin(duration string) error {
	d, err := time.ParseDuration(duration)
	if err != nil {
		return err
	}
	for end := time.Now().Add(d); time.Now().Before(end); {
	}
	return nil
}

func trap(code, text string) error {
	n, err := strconv.Atoi(code)
	if err != nil {
		return err
	}
	c := make(chan os.Signal, 1)
	signal.Notify(c, syscall.SIGTERM)
	go func() {
		<-c
		if text != "" {
			fmt.Println(text)
		}
		os.Exit(n)
	}()
	return nil
}

func alloc(size string) error {
	n, err := strconv.Atoi(size)
	if err != nil {
		return err
	}
	for range n {
		block := make([]byte, 1<<20)
		for i := 0; i < len(block); i += 4096 {
			block[i] = 1
		}
		held = append(held, block)
	}
	return nil
}

func env(args []string) error {
	if len(args) > 0 {
		value, there := os.LookupEnv(args[0])
		if !there {
			value = "(not set)"
		}
		fmt.Println(value)
		return nil
	}
	all := os.Environ()
	slices.Sort(all)
	fmt.Println(strings.Join(all, "\n"))
	return nil
}

func get(url string) error {
	answer, err := http.Get(url)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	_, err = io.Copy(os.Stdout, answer.Body)
	fmt.Println()
	return err
}

func listen(address string) error {
	l, err := net.Listen("tcp", address)
	if err != nil {
		return err
	}
	c, err := l.Accept()
	if err != nil {
		return err
	}
	defer c.Close()
	line, err := bufio.NewReader(c).ReadString('\n')
	if err != nil {
		return err
	}
	_, err = io.WriteString(c, line)
	return err
}

func connect(address, text string) error {
	var c net.Conn
	var err error
	for range 100 { // whoever listens may still be on its way
		if c, err = net.Dial("tcp", os.ExpandEnv(address)); err == nil {
			break
		}
		time.Sleep(100 * time.Millisecond)
	}
	if err != nil {
		return err
	}
	defer c.Close()
	if _, err := fmt.Fprintln(c, text); err != nil {
		return err
	}
	line, err := bufio.NewReader(c).ReadString('\n')
	fmt.Print(line)
	return err
}

func host() error {
	name, err := os.Hostname()
	if err != nil {
		return err
	}
	fmt.Println(name)
	addresses, err := net.InterfaceAddrs()
	for _, a := range addresses {
		fmt.Println(a)
	}
	return err
}
