"""What clients do to images."""

from __future__ import annotations

from cluster.fuzz.person import Person

MOST_IMAGES = 2


def add(person: Person) -> None:
    """Make an image and give it its data."""
    if len(person.things["image"]) >= MOST_IMAGES:
        return
    image = person.make("image", {"disk_format": "raw", "container_format": "bare"}, expect=201)
    if image is None:
        return
    person.ask(
        "PUT", "image", f"{image.path}/file", person.facts["image_file"], expect=(204,), about=(image,)
    )


def delete(person: Person) -> None:
    """Delete an image."""
    image = person.some("image", certain=False)
    if image is not None:
        person.unmake(image)
