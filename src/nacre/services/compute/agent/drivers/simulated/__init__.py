"""A compute driver without computers: the same states as the real one, no process, no root, no waiting.

It is for trying out a cloud, for tests of everything above it, and for thousands of servers on a laptop.
"""

from nacre.services.compute.agent.drivers.simulated.driver import SimulatedDriver
from nacre.services.compute.agent.drivers.simulated.options import Failure, SimulatedOptions

__all__ = ["Failure", "SimulatedDriver", "SimulatedOptions"]
