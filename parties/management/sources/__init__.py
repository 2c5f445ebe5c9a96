"""Where a holder's rows come from: one class a kind of source, listed in `table`.

Lives here: opening a location, its columns as text, a fingerprint of what was read, names of places in it.
May come in: locations that the holder's own operator named. Cells become words in `management.reading`.
"""
