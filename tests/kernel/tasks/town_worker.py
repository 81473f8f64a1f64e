"""A process that works in a town until it is killed.  Arguments: the database's URL, a lock file."""

import logging
import sys
import time
from pathlib import Path

from town import Town

from nacre.kernel.clock import Clock


def main(url: str, lock_file: str) -> None:
    logging.basicConfig(level=logging.WARNING)
    town = Town(url, Clock())
    work = town.runner(owner="worker", lock_file=Path(lock_file), threads=4)
    call = work.call

    def slowly(function, *args):
        time.sleep(0.002)
        outcome = call(function, *args)
        time.sleep(0.002)
        return outcome

    work.call = slowly
    work.start()
    print("ready", flush=True)  # noqa: T201 - the test waits for it
    time.sleep(600)


main(*sys.argv[1:])
