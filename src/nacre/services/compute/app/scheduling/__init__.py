"""Where a server may live: filters that refuse a host with a reason, weighers that rank the rest."""
