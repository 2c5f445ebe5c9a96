"""Schema of a node's database, one file a revision. `open_database` brings one up to date when it opens."""
