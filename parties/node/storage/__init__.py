"""Where a compute party's jobs and sealed results lie: one class a kind of store, listed in `table`.

Lives here: the interface, SQL stores, opening a database on the current schema (`node.migrations`).
May come in: jobs, and results sealed to their recipient. No key and no share ever lies here.
"""
