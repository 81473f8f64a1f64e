"""What makes servers real, or only seemingly so: one folder each, one contract (``base.py``)."""
