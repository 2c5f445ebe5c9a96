"""Disclosure control on shares: what does not pass is multiplied by a secret zero before it leaves.

`gate` is the one way out. Each rule is one file with an id and a function of secrets; `terms` is what parties
may demand of them.
"""
