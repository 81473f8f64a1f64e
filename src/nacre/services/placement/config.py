"""The section [placement]."""

from nacre.kernel.config import Options


class PlacementOptions(Options, frozen=True, kw_only=True):
    """Options of placement."""

    maximum_candidates: int = 10_000
    """How many candidates are computed at most for one request, whatever limit it asks for."""
