"""Benchmarks, and the tables that are measured. CrypTen installs a package of this name; ours comes first."""

from __future__ import annotations
