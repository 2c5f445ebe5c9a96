"""Functions of secret tensors: shape, order, bits of words. Names are those of the Python array API.

Each function states its rounds and bytes (payload an element and party); none opens anything.
"""
