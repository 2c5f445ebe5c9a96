"""Disclosure control on shares: what does not pass is multiplied by a secret zero before it leaves."""
