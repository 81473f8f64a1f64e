"""Many simulated hosts in one process, on a broker: `python -P hosts.py STATE CONFIG COUNT`.

This is run by the product's own Python.  Each host has both its agents, as `nacre agent` would run them; its name is
that of the control plane's machine and a number.  It says `ready` once all have begun, and ends with its input.
"""

import sys
from pathlib import Path

from nacre.cloud import agents, settings
from nacre.cloud.options import Mode, Options
from nacre.kernel import log
from nacre.kernel.bus import BusOptions, open_bus


def main(state: Path, config_file: Path, count: int) -> None:
    """Run them until the input ends."""
    options = Options(state=state, config=config_file)
    section, config = settings.read(options)
    settled = settings.settle(options, section, Mode.SIMULATED)
    log.configure(None)
    bus = open_bus(config.section("bus", BusOptions), name="crowd")
    running = []
    for number in range(1, count + 1):
        host, where = f"crowd-{number}", state / "hosts" / f"crowd-{number}"
        wires = agents.network_agent(
            host, bus, where / "network", settled, config, metadata_url="", metadata_secret=""
        )
        running += [wires, agents.compute_agent(host, bus, where / "compute", settled, config)]
        for agent in running[-2:]:
            agent.start()
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    sys.stdin.read()  # until whoever started us ends


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]))
