"""The section [image]."""

from nacre.kernel.config import Options

TEBIBYTE = 1024**4


class ImageOptions(Options, frozen=True, kw_only=True):
    """Options of the image service."""

    store: str = "files"
    """Which driver keeps the bytes."""
    directory: str | None = None
    """Where the files store keeps them; by default `images` in the state directory."""
    maximum_size_bytes: int = TEBIBYTE
    """No image may be larger."""
    user_storage_bytes: int = 0
    """How much the images of one project may hold together; 0: no limit."""
    maximum_properties: int = 128
    """Of one image."""
    maximum_tags: int = 128
    """Of one image."""
    maximum_members: int = 128
    """With how many projects one image may be shared."""
    maximum_page: int = 1000
    """The longest page of a list."""
    default_page: int = 25
    """The length of a page where nobody asks for one."""
    upload_lease_seconds: float = 60.0
    """How long an upload may show no sign of life before it is doubted; a third as long again, and its image is
    queued again."""
    ticket_seconds: float = 3600.0
    """How long a host may wait before it begins to fetch or send the bytes that its ticket is for."""
    task_days: float = 2.0
    """How long finished tasks are remembered."""
    deleted_days: float = 30.0
    """How long the rows of deleted images are remembered, so that their ids are not used again."""
