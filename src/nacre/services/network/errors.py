"""Conditions of the network service that a caller can tell apart.

The names are part of the API: clients find them as `type` in an error's body.
"""
