"""The minor versions of the Image API v2.  They are only announced: requests never name one."""

VERSIONS: dict[str, str] = {
    "v2.0": "Images, their data, schemas.",
    "v2.1": "Patches in the manner of RFC 6902.",
    "v2.2": "Members of images; metadata definitions.",
    "v2.3": "Deactivate and reactivate.",
    "v2.4": "Sort by several keys.",
    "v2.5": "Community images; visibility is explicit.",
    "v2.6": "Staging and import.",
    "v2.7": "Hidden images; hashes of the operator's choice.",
    "v2.8": "Several stores.",
    "v2.9": "Choose the stores of an import.",
    "v2.10": "Copy an image to another store.",
    "v2.11": "Remove an image from one store.",
    "v2.12": "The tasks of an image.",
    "v2.13": "Usage.",
    "v2.14": "The cache's own API.",
    "v2.15": "Details of stores.",
    "v2.16": "Download from another region.",
}
CURRENT = "v2.16"
