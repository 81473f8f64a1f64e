"""A network on paper: the same rows and promises as a real driver, no packets and no root."""

from nacre.services.network.agent.drivers.simulated.driver import Host, SimulatedDriver

__all__ = ["Host", "SimulatedDriver"]
