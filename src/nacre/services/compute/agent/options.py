"""How the agent itself behaves; each driver has options of its own."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class AgentOptions:
    """Options of the compute agent."""

    heartbeat_seconds: float = 10.0
    """How often the agent says that it lives."""
    refresh_seconds: float = 60.0
    """How often everything is looked at although nothing was heard; a lost event costs no more than that."""
    sweep_seconds: float = 3600.0
    """How often cached images are looked through."""
    unused_image_seconds: float = 24 * 3600.0
    """How long a cached image stays that no server uses."""
    workers: int = 8
    """How many commands are worked on at once."""
    short_command_seconds: float = 60.0
    """How long a caller waits for the commands that answer when they are done."""
    resume_after_boot: bool = True
    """Start the servers that ran when the machine went down."""
    move_address: str = "127.0.0.1"
    """Where other hosts reach this one when they send it a server: its address on the management network.

    By default the end of its tunnels ([linux] tunnel_ip), or else the address from which it asks the broker.
    """
    move_ports: tuple[int, int] = (0, 0)
    """The first and the last port used for that, for firewalls; 0, 0: whichever is free."""
    screen_port: int = 0
    """Where, at that address, console proxies of other machines reach the screens of servers; 0: whichever is free."""
