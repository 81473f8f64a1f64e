"""Conditions of images that a caller can tell apart."""

from nacre.kernel import errors


class ImageNotFound(errors.NotFound):
    """There is no such image, or it is not for the caller to see."""

    def __init__(self, image_id: str) -> None:
        super().__init__(f"Failed to find image {image_id}")


class ImageExists(errors.Conflict):
    """Another image has, or had, the id."""

    def __init__(self, image_id: str) -> None:
        super().__init__(f"Image ID {image_id} already exists!")


class ImageProtected(errors.Forbidden):
    """The image may not be deleted while it is protected."""

    def __init__(self, image_id: str) -> None:
        super().__init__(f"Image {image_id} is protected and cannot be deleted.")


class ImageDeactivated(errors.Forbidden):
    """An administrator or the owner has taken the image's data out of use."""

    def __init__(self, image_id: str) -> None:
        super().__init__(
            f"The requested image {image_id} has been deactivated. Image data download is forbidden."
        )


class WrongState(errors.Conflict):
    """The image is not in a state from which it can be moved to another."""

    def __init__(self, present: str, wanted: str) -> None:
        super().__init__(f"Image status transition from {present} to {wanted} is not allowed")
        self.present = present


class UploadLost(errors.Gone):
    """The image was deleted, or given to another upload, while its bytes were arriving."""

    def __init__(self, image_id: str) -> None:
        super().__init__(
            f"Image {image_id} could not be found after upload. It may have been deleted meanwhile."
        )


class ImageTooLarge(errors.TooLarge):
    """More bytes than an image may have."""

    def __init__(self, limit: int) -> None:
        super().__init__(f"Denying attempt to upload image larger than {limit} bytes.")


class StorageExhausted(errors.TooLarge):
    """The project's images would hold more than they may."""

    def __init__(self, limit: int) -> None:
        super().__init__(
            f"The size of the data would exceed the limit of {limit} bytes for all images of the project."
        )


class LimitExceeded(errors.TooLarge):
    """More properties, tags or members than one image may have."""

    def __init__(self, noun: str, attempted: int, maximum: int) -> None:
        super().__init__(
            f"The limit has been exceeded on the number of allowed image {noun}. "
            f"Attempted: {attempted}, Maximum: {maximum}"
        )


class BadImageData(errors.UnsupportedMediaType):
    """The bytes are not an image of the declared format, or one that would be dangerous to open."""


class ReadOnlyAttribute(errors.Forbidden):
    """The service sets this attribute itself."""

    def __init__(self, name: str) -> None:
        super().__init__(f"Attribute '{name}' is read-only.")


class ReservedAttribute(errors.Forbidden):
    """The name is kept for the service's own use."""

    def __init__(self, name: str) -> None:
        super().__init__(f"Attribute '{name}' is reserved.")


class NotOwner(errors.Forbidden):
    """Only an administrator gives images to other projects."""

    def __init__(self, owner: str | None) -> None:
        super().__init__(f"You are not permitted to create images owned by '{owner}'.")


class PropertyMissing(errors.Conflict):
    """A change names a property that the image does not have."""

    def __init__(self, name: str) -> None:
        super().__init__(f"Property {name} does not exist.")


class BadTicket(errors.NotFound):
    """A ticket is forged, for another image, or too old; the bearer learns nothing more."""


class RangeNotSatisfiable(errors.NacreError):
    """The request asks for bytes that the image does not have."""

    status = 416

    def __init__(self, asked: str, size: int) -> None:
        super().__init__(f"The range {asked[:60]!r} is not within the image's {size} bytes.")
        self._size = size

    @property
    def headers(self) -> list[tuple[str, str]]:
        return [("Content-Range", f"bytes */{self._size}")]


class PropertyExists(errors.Conflict):
    """A change would add what is there."""

    def __init__(self, name: str) -> None:
        super().__init__(f"Property {name} already present.")


class FormatIsFixed(errors.Forbidden):
    """What an image's bytes are cannot be said anew once they are there."""

    def __init__(self, name: str) -> None:
        super().__init__(f"Attribute {name} can be only replaced for a queued image.")


class UnknownPatchMedia(errors.UnsupportedMediaType):
    """Changes come in a format that is none of the two that are understood."""

    def __init__(self, accepted: tuple[str, ...]) -> None:
        super().__init__(f"Changes to an image are sent as one of: {', '.join(accepted)}.")
        self._accepted = accepted

    @property
    def headers(self) -> list[tuple[str, str]]:
        return [("Accept-Patch", ", ".join(self._accepted))]


class NotShared(errors.Forbidden):
    """Only an image whose visibility is "shared" has members."""

    message = "Only shared images have members."


class MemberNotFound(errors.NotFound):
    """The image is not shared with that project."""

    def __init__(self, member_id: str, image_id: str) -> None:
        super().__init__(f"{member_id[:255]} not found in the member list of the image {image_id}.")


class MemberExists(errors.Conflict):
    """The image is shared with that project already."""

    def __init__(self, member_id: str, image_id: str) -> None:
        super().__init__(f"Member {member_id} is duplicated for image {image_id}")


class NotStaged(errors.Conflict):
    """There are no staged bytes that could be imported."""

    def __init__(self, image_id: str) -> None:
        super().__init__(f"Image {image_id} has no staged data: stage it before it is imported.")


class UnknownStore(errors.BadReference):
    """There is no such store."""

    def __init__(self, store: str) -> None:
        super().__init__(f"Store for identifier {store[:80]} not found.")


class TaskNotFound(errors.NotFound):
    """There is no such task, or it is somebody else's."""

    def __init__(self, task_id: str) -> None:
        super().__init__(f"Failed to find task {task_id[:80]}")


class NamespaceNotFound(errors.NotFound):
    """There is no such namespace of definitions, or it is not for the caller to see."""

    def __init__(self, name: str) -> None:
        super().__init__(f"Metadata definition namespace={name[:80]} was not found.")


class NamespaceExists(errors.Conflict):
    """Another namespace has the name."""

    def __init__(self, name: str) -> None:
        super().__init__(f"The metadata definition namespace={name} already exists.")


class NamespaceProtected(errors.Forbidden):
    """The namespace and what it defines may not be deleted while it is protected."""

    def __init__(self, name: str) -> None:
        super().__init__(f"Metadata definition namespace {name} is protected and cannot be deleted.")


class DefinitionNotFound(errors.NotFound):
    """The namespace does not define that."""

    def __init__(self, kind: str, name: str) -> None:
        super().__init__(f"The metadata definition {kind} with name={name[:80]} was not found.")


class DefinitionExists(errors.Conflict):
    """The namespace defines that already."""

    def __init__(self, kind: str, name: str) -> None:
        super().__init__(f"A metadata definition {kind} with name={name} already exists.")


class AssociationNotFound(errors.NotFound):
    """The namespace is not for that type of resources."""

    def __init__(self, name: str) -> None:
        super().__init__(f"The metadata definition resource-type association {name[:80]} was not found.")


class AssociationExists(errors.Conflict):
    """The namespace is for that type of resources already."""

    def __init__(self, name: str) -> None:
        super().__init__(f"The metadata definition resource-type association {name} already exists.")
