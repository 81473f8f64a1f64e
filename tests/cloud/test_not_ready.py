"""A start that does not come to its end says why."""

import subprocess
import sys
from pathlib import Path

from real_clients import free_port

IMPATIENT = """
import sys
from nacre.cloud import up
from nacre.cmd import main
up.HOSTS_SECONDS = 0.5
sys.argv = ["nacre", *sys.argv[1:]]
main()
"""

CONFIG = """
[[simulated_compute.failures]]
verb = "open"
times = 1000
outage = true
message = "The hypervisor of this test is away."
"""


def test_up_says_what_the_hosts_wait_for(tmp_path: Path) -> None:
    config = tmp_path / "nacre.toml"
    config.touch(mode=0o600)
    config.write_text(CONFIG)
    arguments = ["up", "--simulated", "--state", str(tmp_path / "state"), "--config", str(config)]
    done = subprocess.run(
        [sys.executable, "-P", "-c", IMPATIENT, *arguments, "--ports", f"single:{free_port()}"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1, done.stdout
    assert "Not ready for servers" in done.stderr
    assert "The hypervisor of this test is away." in done.stderr
