"""Secret-sharing protocols: one folder each, all behind `base.Protocol`.

`table.py` is the only place that names them; nothing else imports a concrete protocol.
"""
