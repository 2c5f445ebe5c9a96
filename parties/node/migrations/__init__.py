"""Schema of a node's database, one file a revision. `open_database` brings one up to date when it opens."""

from __future__ import annotations

#: The newest revision. A database that has it opens without a look at the scripts; a test compares them.
HEAD = "0002"
