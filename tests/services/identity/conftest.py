"""Short words for what the tests of identity say all the time."""

from collections.abc import Callable
from typing import Any

import pytest

from nacre.kernel.testing.cloud import Answer, User


class Identity:
    """A user of the Identity API who expects success unless told otherwise."""

    def __init__(self, user: User) -> None:
        self.user, self.user_id, self.project_id = user, user.user_id, user.project_id

    def call(
        self, method: str, path: str, body: Any = None, *, status: int | None = None, **options: Any
    ) -> Any:
        """Send a request below /v3; assert the status (any success by default) and return the body."""
        answer: Answer = self.user.request(method, "identity", f"/v3{path}", body, **options)
        assert answer.status == status if status else answer.status < 300, f"{method} {path}: {answer}"
        return answer.json

    def get(self, path: str, **options: Any) -> Any:
        return self.call("GET", path, **options)

    def post(self, path: str, body: Any = None, **options: Any) -> Any:
        return self.call("POST", path, body, **options)

    def put(self, path: str, body: Any = None, **options: Any) -> Any:
        return self.call("PUT", path, body, **options)

    def patch(self, path: str, body: Any, **options: Any) -> Any:
        return self.call("PATCH", path, body, **options)

    def delete(self, path: str, **options: Any) -> Any:
        return self.call("DELETE", path, **options)

    def head(self, path: str, *, status: int) -> None:
        self.call("HEAD", path, status=status)

    def names(self, path: str, key: str) -> list[str]:
        """Return the names in a list."""
        return sorted(each["name"] for each in self.get(path)[key])

    def make(self, collection: str, key: str, **fields: Any) -> dict[str, Any]:
        """Make something and return it."""
        return self.post(f"/{collection}", {key: fields})[key]


@pytest.fixture
def root(admin: User) -> Identity:
    """The administrator."""
    return Identity(admin)


@pytest.fixture
def role_ids(root: Identity) -> dict[str, str]:
    """The ids of the roles that every cloud has."""
    return {role["name"]: role["id"] for role in root.get("/roles")["roles"]}


@pytest.fixture
def as_identity() -> Callable[[User], Identity]:
    """Return a user as somebody who speaks to identity only."""
    return Identity
