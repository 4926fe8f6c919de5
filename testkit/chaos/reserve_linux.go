package chaos

import (
	"fmt"
	"io"
	"net"
)

// reserve has a port of a host for oneself, among all who ask here; the system lets go of it with the process. It is a name for a
// socket that is no file.
func reserve(host string, port int) (io.Closer, error) {
	return net.Listen("unix", fmt.Sprintf("@anode-chaos-%s-%d", host, port))
}
