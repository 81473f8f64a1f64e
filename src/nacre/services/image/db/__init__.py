"""The tables of the image service and the queries on them."""
