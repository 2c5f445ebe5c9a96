"""The links between compute parties: one bidirectional stream a pair, sessions multiplexed, chunked.

Each piece is checked on arrival; a party trusts nothing that comes in here but the TLS identity.
"""
