"""What a cloud of many hosts and servers costs: to fill, to list, to sit still, and to be started again."""
