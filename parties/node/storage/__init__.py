"""Where a compute party's jobs, sealed results and ledger lie: one class a kind of store, listed in `table`.

Lives here: the interface, SQL stores, opening a database on the current schema (`node.migrations`). May come
in: jobs, results sealed to their recipient, plans that were answered; never a key, and no share that is not
encrypted.
"""
