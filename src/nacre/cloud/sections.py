"""The names of all sections of nacre.toml, so that a misspelt one is refused and not passed over.

Each section's keys are checked by whoever reads it.  The sections of agents are listed by name only: their
options live with the agents, of which the control plane knows nothing.
"""

from __future__ import annotations

from nacre.services import NAMES

OF_THE_CLOUD = ("cloud", "policy", "process", "bus", "agent", "database", "elsewhere", "deploy")
OF_AGENTS = ("compute_agent", "libvirt", "simulated_compute", "network_agent", "linux")

KNOWN = (*OF_THE_CLOUD, *NAMES, *OF_AGENTS)
