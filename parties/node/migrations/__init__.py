"""Schema of a node's database, one file a revision. `Storage` brings a database up to date when it opens."""
