"""Compute's state: tables, records, and all of its SQL."""
