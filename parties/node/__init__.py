"""A party's node: one process, one port where it computes, outbound links where it holds data.

Only `app` and `computing` wire things together. May come in: signed plans, offers and shares, all checked
at the edge.
"""
