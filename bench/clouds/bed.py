"""Run a cloud of several processes until the input ends; obeys `start` and `stop` on its input.

This is run by the product's own Python, since it makes use of the product's test bed: control nodes on addresses of the
loopback, HAProxy before them, agents as processes of their own.  Every answer is a line of JSON.
"""

import json
import os
import sys
from pathlib import Path

from nacre.cloud.lab.bed import Bed
from nacre.services import NAMES


def main() -> None:
    """Read orders."""
    order = json.loads(sys.argv[1])
    bed = Bed(
        Path(order["where"]),
        database_url=order["database_url"],
        broker_url=order["broker_url"],
        control=os.cpu_count() or 1,
        hosts=["host-1"],
        split=[NAMES],
        sections=order["sections"],
        agent_sections=order["agent_sections"],
    )
    try:
        for line in sys.stdin:
            if line.strip() == "start":
                bed.start()
                password = bed.state_of("control-1").secrets().admin_password
                urls = [bed.plan.url(endpoint) + "/healthcheck" for endpoint in bed.plan.endpoints]
                say(auth_url=bed.auth_url, password=password, urls=urls)
            else:
                bed.close()
                say()
    finally:
        bed.close()


def say(**answer: object) -> None:
    """Answer an order."""
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
