"""The tables of the beginning; fresh databases get them as they are declared."""

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Nothing: whoever is at this revision has the tables."""
