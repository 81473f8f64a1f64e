"""Where the bytes of images are kept: one folder for each kind of store (see base.py)."""
