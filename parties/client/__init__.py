"""What an analyst imports: `from parties.client import connect`.
Lives here: the connection to the compute parties, data sets, jobs, results.
May come in: plans (`parties.query`), identity, the wire, and of `mpc` what opens a result.
"""

from __future__ import annotations

from parties.client.space import Space, connect

__all__ = ["Space", "connect"]
