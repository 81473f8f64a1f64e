"""A running cloud: services and agents put together, first start, packages, guest images, demo."""
