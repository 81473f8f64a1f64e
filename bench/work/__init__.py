"""What is measured, in the order in which it is: each work leaves the cloud as it was, the last ones aside.

Whatever restarts a cloud comes first, for the peer's fake host forgets its servers then; what fills a cloud, last.
"""

from work import life, tokens, projects, flavors, networks, ports, candidates, images, servers  # noqa: F401, I001
from work.phase import WORKS, Phase, Scale, Work, work

__all__ = ["WORKS", "Phase", "Scale", "Work", "work"]
