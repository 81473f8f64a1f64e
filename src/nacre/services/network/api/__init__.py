"""The edge of the network service: Networking API v2.0, one file per resource."""
