"""Machines for whoever may not make namespaces: each is an address of this computer's loopback."""

from __future__ import annotations

import os
import secrets

from nacre.cloud.lab.machines import Addresses, Machine


class Loopback:
    """A ground of loopback addresses (127.0.N.1, 127.0.N.2 …) that hardly anybody else uses now."""

    def __init__(self) -> None:
        self._addresses = Addresses(f"127.{1 + os.getpid() % 250}.{secrets.randbelow(256)}")

    def machine(self, name: str) -> Machine:
        """Return a machine."""
        return Machine(name, self._addresses.of(name))

    def remove(self) -> None:
        """Do nothing: addresses of the loopback are always there."""
