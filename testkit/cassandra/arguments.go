package cassandra

import (
	"fmt"
	"path/filepath"
)

// exports and opens are the parts of Java's own modules that Cassandra uses.
func exports() []string {
	return []string{
		"java.base/jdk.internal.misc", "java.base/java.lang.ref", "java.management.rmi/com.sun.jmx.remote.internal.rmi",
		"java.rmi/sun.rmi.registry", "java.rmi/sun.rmi.server", "java.sql/java.sql", "jdk.unsupported/sun.misc",
	}
}

func opens() []string {
	return []string{
		"java.base/java.io", "java.base/java.lang", "java.base/java.lang.module", "java.base/java.lang.reflect", "java.base/java.math",
		"java.base/java.net", "java.base/java.nio", "java.base/java.util", "java.base/java.util.concurrent",
		"java.base/java.util.concurrent.atomic", "java.base/jdk.internal.loader", "java.base/jdk.internal.math",
		"java.base/jdk.internal.module", "java.base/jdk.internal.ref", "java.base/jdk.internal.reflect",
		"java.base/jdk.internal.util.jar", "java.base/sun.nio.ch", "jdk.management/com.sun.management.internal",
	}
}

// arguments are those of java for a node.
func (c Config) arguments(index int, lib string) []string {
	at := c.place(index)
	list := []string{
		fmt.Sprintf("-Xmx%dm", c.HeapMB),
		"-XX:+ExitOnOutOfMemoryError",
		"-Djdk.attach.allowAttachSelf=true",
		"-Dio.netty.tryReflectionSetAccessible=true",
		"-Dcassandra.config=file://" + at.yaml(),
		"-Dcassandra.storagedir=" + string(at),
		"-Dlogback.configurationFile=file://" + at.logback(),
		"-Dcassandra-foreground=yes",
		// What follows spares one machine what is waited for between machines, at a start and at an end.
		"-Dcassandra.superuser_setup_delay_ms=0",
		"-Dcassandra.skip_wait_for_gossip_to_settle=0",
		"-Dcassandra.ring_delay_ms=100",
		"-Dcassandra.shutdown_announce_in_ms=100",
	}
	if c.Steady {
		list = append(list, fmt.Sprintf("-Xms%dm", c.HeapMB), "-XX:+UseG1GC", "-javaagent:"+filepath.Join(lib, "jamm-0.4.0.jar"))
	} else {
		list = append(list, c.hasty()...)
	}
	for _, name := range exports() {
		list = append(list, "--add-exports="+name+"=ALL-UNNAMED")
	}
	for _, name := range opens() {
		list = append(list, "--add-opens="+name+"=ALL-UNNAMED")
	}
	return append(list, "-cp", filepath.Join(lib, "*"), "org.apache.cassandra.service.CassandraDaemon")
}

// hasty halves the CPU time of a start (docs/cassandra.md has figures).
func (c Config) hasty() []string {
	return []string{
		fmt.Sprintf("-Xms%dm", c.HeapMB/2),
		"-XX:+UseSerialGC",
		"-XX:TieredStopAtLevel=1",
		"-XX:-UsePerfData",
		"-XX:+UnlockDiagnosticVMOptions", "-XX:-BytecodeVerificationRemote",
		// What Cassandra finds when it measures a row's overhead at each start.
		"-Dcassandra.memtable.row_overhead_size=180",
		"-Dcassandra.auth_bcrypt_gensalt_log2_rounds=4",
	}
}
