"""The floor under the figures: the least that this machine can do such a thing for, without any cloud."""

from floors.bare import FLOORS, Floor

__all__ = ["FLOORS", "Floor"]
