"""Conditions of placement that a caller can tell apart; `wire_code` is what the API calls them."""

from nacre.kernel import errors


class ProviderNotFound(errors.NotFound):
    """There is no such resource provider."""

    def __init__(self, uuid: str) -> None:
        super().__init__(f"No resource provider with uuid {uuid} found")


class UnknownProvider(errors.BadReference):
    """A body names a provider that does not exist."""

    def __init__(self, uuid: str) -> None:
        super().__init__(f"Allocation for resource provider '{uuid}' that does not exist.")


class ClassNotFound(errors.NotFound):
    """There is no such resource class."""

    def __init__(self, name: str) -> None:
        super().__init__(f"No such resource class: {name}")


class UnknownClass(errors.BadReference):
    """A request names a resource class that does not exist."""

    def __init__(self, name: str) -> None:
        super().__init__(f"No such resource class {name}.")


class TraitNotFound(errors.NotFound):
    """There is no such trait."""

    def __init__(self, name: str) -> None:
        super().__init__(f"No such trait(s): {name}.")


class UnknownTraits(errors.BadReference):
    """A request names traits that do not exist."""

    def __init__(self, names: list[str]) -> None:
        super().__init__(f"No such trait(s): {', '.join(sorted(names))}.")


class ConcurrentUpdate(errors.Conflict):
    """The generation that the caller saw is not the present one: read again, then write again."""

    wire_code = "placement.concurrent_update"

    def __init__(self, what: str) -> None:
        super().__init__(f"{what}: generation conflict; please re-read and try again.")


class NameTaken(errors.Conflict):
    """Another provider has the name or the id."""

    wire_code = "placement.duplicate_name"

    def __init__(self, name: str) -> None:
        super().__init__(f"Conflicting resource provider name: {name} already exists.")


class ClassExists(errors.Conflict):
    """The resource class is there already."""

    def __init__(self, name: str) -> None:
        super().__init__(f"Conflicting resource class already exists: {name}")


class InventoryInUse(errors.Conflict):
    """Allocations exist for it."""

    wire_code = "placement.inventory.inuse"

    def __init__(self, classes: str, uuid: str) -> None:
        super().__init__(f"Inventory for '{classes}' on resource provider '{uuid}' in use.")


class InventoryExists(errors.Conflict):
    """The provider has an inventory of that class already."""

    def __init__(self, resource_class: str, uuid: str) -> None:
        super().__init__(f"Inventory of {resource_class} already exists on resource provider {uuid}.")


class InventoryNotFound(errors.NotFound):
    """The provider has no inventory of that class."""

    def __init__(self, resource_class: str, uuid: str) -> None:
        super().__init__(f"No inventory of class {resource_class} found for provider {uuid}")


class ProviderInUse(errors.Conflict):
    """Allocations exist on the provider."""

    wire_code = "placement.resource_provider.inuse"

    def __init__(self, uuid: str) -> None:
        super().__init__(f"Unable to delete resource provider {uuid}: Resource provider has allocations.")


class ProviderHasChildren(errors.Conflict):
    """Other providers are below it."""

    wire_code = "placement.resource_provider.cannot_delete_parent"

    def __init__(self, uuid: str) -> None:
        super().__init__(
            f"Unable to delete parent resource provider {uuid}: It has child resource providers."
        )


class InUse(errors.Conflict):
    """A class or trait is still used by a provider."""


class CannotAllocate(errors.Conflict):
    """The provider lacks room for what was asked."""

    def __init__(self, resource_class: str, uuid: str, why: str) -> None:
        super().__init__(
            f"Unable to allocate inventory: Unable to create allocation for '{resource_class}' "
            f"on resource provider '{uuid}'. {why}"
        )


class AllocationsNotFound(errors.NotFound):
    """The consumer has no allocations."""

    def __init__(self, consumer: str) -> None:
        super().__init__(f"No allocations for consumer '{consumer}'")
