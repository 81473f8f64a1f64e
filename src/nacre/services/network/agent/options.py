"""How the agent itself behaves; each driver has settings of its own."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class AgentOptions:
    """Options of the network agent."""

    heartbeat_seconds: float = 10.0
    """How often the agent says that it lives."""
    poll_seconds: float = 30.0
    """How often changes are asked for although nobody woke us; a lost wake costs no more than that."""
    reconcile_seconds: float = 60.0
    """How often what is there is compared with what should be."""
    report_all_seconds: float = 600.0
    """How often everything is reported again, changed or not."""
    retry_seconds: float = 2.0
    """How long to wait after the control plane did not answer, or a row could not be made so."""
    save_seconds: float = 5.0
    """At most how often the view is written to the disk."""
