package chaos

import (
	"bufio"
	"encoding/hex"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// canProxy tells whether it can be found out who calls.
const canProxy = true

// ownerOf gives the process, of those named, that owns the end `of` of a connection to `to` on this machine. The kernel lists
// the sockets (/proc/net/tcp), and of each process the inodes of its own.
func ownerOf(of, to netip.AddrPort, pids []int) (int, bool) {
	inode, ok := inodeOf(of, to)
	if !ok {
		return 0, false
	}
	want := "socket:[" + inode + "]"
	for _, pid := range pids {
		dir := fmt.Sprintf("/proc/%d/fd", pid)
		entries, err := os.ReadDir(dir)
		if err != nil {
			continue // it ended
		}
		for _, e := range entries {
			if target, err := os.Readlink(filepath.Join(dir, e.Name())); err == nil && target == want {
				return pid, true
			}
		}
	}
	return 0, false
}

// inodeOf finds the socket with two addresses.
func inodeOf(of, to netip.AddrPort) (string, bool) {
	file, err := os.Open("/proc/net/tcp")
	if err != nil {
		return "", false
	}
	defer func() { _ = file.Close() }()
	local, remote := kernelForm(of), kernelForm(to)
	const columns, localColumn, remoteColumn, inodeColumn = 10, 1, 2, 9
	for s := bufio.NewScanner(file); s.Scan(); {
		fields := strings.Fields(s.Text())
		if len(fields) >= columns && fields[localColumn] == local && fields[remoteColumn] == remote {
			return fields[inodeColumn], true
		}
	}
	return "", false
}

// kernelForm is an IPv4 address and port as /proc/net/tcp has them: the address as a number of this machine's byte order,
// which is little-endian on all that Go runs on but a few.
func kernelForm(a netip.AddrPort) string {
	ip := a.Addr().Unmap().As4()
	slices.Reverse(ip[:])
	return fmt.Sprintf("%s:%04X", strings.ToUpper(hex.EncodeToString(ip[:])), a.Port())
}
