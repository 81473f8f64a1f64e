"""The edge of the image service: one file for each resource of the Image API v2."""
