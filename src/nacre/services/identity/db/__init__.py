"""The tables of identity and the queries on them, by noun."""
