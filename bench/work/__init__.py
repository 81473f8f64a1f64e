"""What is measured, in the order in which it is: each work leaves the cloud as it was, the last ones aside.

Whatever restarts a cloud comes first, for the peer's fake host forgets its servers then; what fills a cloud, last.
In between, what matters most: a run whose time is up lacks what matters least.
"""

from work import candidates, flavors, images, life, networks, ports, projects, servers, tokens  # noqa: F401
from work.phase import DECLARED, Phase, Scale, Work, work

ORDER = (
    "start", "idle", "servers-boot", "server-boot", "network-create", "port-create", "token-validation",
    "token-from-token", "password-token", "candidates", "flavors-list", "projects-list", "images-list",
    "image-transfer", "candidates-1000", "ports-list", "servers-detail-100", "servers-detail-1000",
)  # fmt: skip
WORKS: dict[str, Work] = {name: DECLARED[name] for name in ORDER}

__all__ = ["WORKS", "Phase", "Scale", "Work", "work"]
