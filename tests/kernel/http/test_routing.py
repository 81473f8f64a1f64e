"""Routes as data: which operation a path finds, and with which values."""

import pytest

from nacre.kernel import errors
from nacre.kernel.http.routing import PUBLIC, Router, Routes

routes = Routes("/tree")


@routes.get("/{first}/known", policy=PUBLIC)
def known(first): ...


@routes.get("/{path*}", policy=PUBLIC)
def rest(path): ...


@pytest.mark.parametrize(
    ("path", "value"),
    [("/tree", ""), ("/tree/", ""), ("/tree/a", "a"), ("/tree/a/b%20c", "a/b c"), ("/tree/a/known/x", "a/known/x")],
)  # fmt: skip
def test_a_parameter_for_the_rest_of_the_path(path, value):
    match = Router([routes]).match("GET", path)
    assert [operation.handler for operation in match.operations] == [rest]
    assert match.path_values(match.operations[0]) == {"path": value}


def test_more_definite_paths_come_first():
    match = Router([routes]).match("GET", "/tree/a/known")
    assert match.operations[0].handler is known
    assert isinstance(Router([routes]).match("GET", "/bush").failure, errors.NotFound)
