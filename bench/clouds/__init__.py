"""The clouds that are compared, as the bench sees them: started, ended, logged in to, and watched in /proc."""

from clouds.cloud import Cloud
from clouds.nacre import Nacre
from clouds.nacre_multi import NacreMulti
from clouds.openstack import OpenStack

CLOUDS: dict[str, type[Cloud]] = {"nacre": Nacre, "nacre-multi": NacreMulti, "openstack": OpenStack}

__all__ = ["CLOUDS", "Cloud"]
