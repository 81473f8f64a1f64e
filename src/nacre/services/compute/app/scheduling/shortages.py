"""What a host lacks for a server, with the numbers: for hosts that placement did not offer."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from nacre.services.compute.app.scheduling.hosts import Candidate, Wish, resources, traits

#: How amounts of the usual resource classes are said; others are said as they are called.
WORDS = {"VCPU": "{} processors", "MEMORY_MB": "{} MB of memory", "DISK_GB": "{} GB of disk"}


class Shortage(msgspec.Struct, frozen=True):
    """One thing that a host has too little of, for operators and as it may be said to users."""

    reason: str
    cause: str


def of(host: Candidate, wish: Wish) -> list[Shortage]:
    """Return everything that the host lacks."""
    return [*_of_traits(host, wish), *_of_resources(host, wish)]


def _of_traits(host: Candidate, wish: Wish) -> Iterator[Shortage]:
    required, forbidden = traits(wish.flavor, wish.image_properties)
    for name in required:
        if name not in host.traits:
            yield Shortage(f"it lacks the trait {name}", f"without the trait {name}")
    for name in forbidden:
        if name in host.traits:
            yield Shortage(f"it has the trait {name}, which is forbidden", f"with the forbidden trait {name}")


def _of_resources(host: Candidate, wish: Wish) -> Iterator[Shortage]:
    for name, amount in resources(wish.flavor).items():
        asked = _words(name, amount)
        has = host.capacity.get(name) or host.largest.get(name)
        if not has:
            yield Shortage(f"{asked} are asked for, and it has none", f"without {asked}")
        elif amount > host.largest.get(name, amount):
            most = host.largest[name]
            yield Shortage(
                f"{asked} are asked for, and one server may take {most} there at the most",
                f"too small for {asked}",
            )
        elif amount > host.free.get(name, 0.0):
            free, all_ = host.free.get(name, 0.0), host.capacity.get(name)
            there = f"{free:.0f} of {all_:.0f} are free" if all_ else "nothing is free"
            yield Shortage(f"{asked} are asked for, and {there}", f"without {asked} free")


def _words(name: str, amount: int) -> str:
    return WORDS[name].format(amount) if name in WORDS else f"{amount} {name}"
