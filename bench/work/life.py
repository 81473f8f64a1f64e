"""A cloud by itself: how soon it answers, and what it takes while nobody asks."""

import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache

from clouds import Cloud
from work.phase import Phase, Scale, work

IDLE_SECONDS = 8.0
SETTLE_SECONDS = 35.0
PATIENCE_SECONDS = 180.0


@work("start")
def start(cloud: Cloud, scale: Scale) -> Iterator[Sequence[Phase]]:
    """From the start of its processes to the first answer of every API; databases are there and running."""
    addresses = cloud.answers_at()

    def run(number: int) -> None:
        with ThreadPoolExecutor(len(addresses) + 1) as pool:
            starting = pool.submit(cloud.start_services)
            list(pool.map(_wait_for, addresses))
            starting.result()

    yield [
        Phase(
            title="start to the first answer of all APIs",
            run=run,
            operations=1,
            unit="start",
            before=cloud.stop_services,
            drain=False,
        )
    ]


@work("idle")
def idle(cloud: Cloud, scale: Scale) -> Iterator[Sequence[Phase]]:
    """Nothing at all."""
    seconds = scale.wait(IDLE_SECONDS)
    _settle(scale.wait(SETTLE_SECONDS))
    yield [
        Phase(
            title="idle",
            run=lambda number: time.sleep(seconds),
            operations=1,
            things=max(1, round(seconds)),
            unit="second",
            drain=False,
        )
    ]


@cache
def _settle(seconds: float) -> None:
    """Let all clouds come to rest after their start, once: they rest together."""
    time.sleep(seconds)


def _wait_for(url: str) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        try:
            urllib.request.urlopen(url, timeout=30).close()
        except urllib.error.HTTPError as refusal:
            refusal.close()
            if refusal.code < 500:
                return
        except OSError:
            pass
        else:
            return
        time.sleep(0.02)
    raise TimeoutError(f"{url} does not answer")
