"""Ways to make networks real on a host; all of them implement `base.Driver`."""
