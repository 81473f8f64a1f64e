"""What the bench must know of a cloud."""

from abc import ABC, abstractmethod
from functools import cached_property

from drive.session import Login, Session


class Cloud(ABC):
    """A cloud that can be started, driven and watched."""

    name: str
    title: str
    boots_thousands = False
    """Whether a thousand servers are booted in less than a minute."""

    @abstractmethod
    def prepare(self) -> None:
        """Install and start whatever is missing."""

    @abstractmethod
    def close(self) -> None:
        """End it and leave nothing running."""

    @abstractmethod
    def stop_services(self) -> None:
        """End its own processes; database and broker go on."""

    @abstractmethod
    def start_services(self) -> None:
        """Start its own processes; return at once or when they answer, as its command does."""

    @abstractmethod
    def answers_at(self) -> list[str]:
        """Return an address of each API at which anybody gets an answer."""

    @abstractmethod
    def leaders(self) -> list[int]:
        """Return the processes from which all others of this cloud descend, database and broker included."""

    @abstractmethod
    def login(self) -> Login:
        """Return the administrator's login."""

    @abstractmethod
    def versions(self) -> str:
        """Return what was measured, in a few words."""

    @cached_property
    def session(self) -> Session:
        """The administrator's session."""
        return Session(self.login())
