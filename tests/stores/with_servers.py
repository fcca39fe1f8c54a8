"""Runs a program while servers run for it: with_servers.py PROGRAM [ARGUMENT...]. Its exit code is the program's.

The program finds in its environment PUCK_TEST_REDIS, PUCK_TEST_VALKEY and PUCK_TEST_CLUSTER_NODE, which are ports on
127.0.0.1, and PUCK_TEST_REDIS_SOCKET, the path of a unix socket of the first one.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile

import servers


def main() -> int:
    with (
        tempfile.TemporaryDirectory(prefix="puck-") as folder,
        servers.redis("--unixsocket", f"{folder}/redis.sock") as redis,
        servers.valkey() as valkey,
        servers.redis("--cluster-enabled", "yes", "--cluster-port", str(servers.free_port())) as cluster_node,
    ):
        ports = {
            "PUCK_TEST_REDIS": str(redis.port),
            "PUCK_TEST_VALKEY": str(valkey.port),
            "PUCK_TEST_CLUSTER_NODE": str(cluster_node.port),
            "PUCK_TEST_REDIS_SOCKET": f"{folder}/redis.sock",
        }
        return subprocess.run(sys.argv[1:], env=os.environ | ports).returncode


if __name__ == "__main__":
    sys.exit(main())
