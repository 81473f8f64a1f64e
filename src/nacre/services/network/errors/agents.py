"""Conditions of agents and of what is placed on them."""

from nacre.kernel import errors


class NetworkHostedByDHCPAgent(errors.Conflict):
    def __init__(self, network_id: str, agent_id: str) -> None:
        super().__init__(f"The network {network_id} has been already hosted by the DHCP Agent {agent_id}.")


class NetworkNotHostedByDhcpAgent(errors.Conflict):
    def __init__(self, network_id: str, agent_id: str) -> None:
        super().__init__(f"The network {network_id} is not hosted by the DHCP agent {agent_id}.")


class RouterNotHostedByL3Agent(errors.Conflict):
    def __init__(self, router_id: str, agent_id: str) -> None:
        super().__init__(f"The router {router_id} is not hosted by L3 agent {agent_id}.")


class InvalidAgent(errors.Conflict):
    def __init__(self, kind: str, agent_id: str) -> None:
        super().__init__(f"Agent {agent_id} is not a {kind} or has been disabled")

    @property
    def code(self) -> str:
        return "InvalidDHCPAgent" if "DHCP" in self.message else "InvalidL3Agent"


class AutoAllocationFailure(errors.BadRequest):
    def __init__(self, reason: str) -> None:
        super().__init__(f"Deployment error: {reason}.")
