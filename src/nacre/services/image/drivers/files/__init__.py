"""Images as files in one directory: the default store."""

from nacre.services.image.drivers.files.driver import FilesStore

__all__ = ["FilesStore"]
