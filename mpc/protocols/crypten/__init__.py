"""CrypTen's primitives with a dealer: 2 to 5 parties, additive shares, dishonest majority.

CrypTen runs in a process of its own (`worker`), without a network and without a random generator: what it
sends and draws goes through this party's channel and streams. Nothing but the registry imports this package.
"""
