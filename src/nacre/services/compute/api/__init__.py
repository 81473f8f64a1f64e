"""The edge of compute: what requests may say and what answers show, one file per resource."""
