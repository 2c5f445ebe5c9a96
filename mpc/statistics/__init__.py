"""Statistics on data that several holders keep apart.

`joint.JointQuery` is the way in: what holders share, what runs on shares, what the recipient makes of
it. Each family of statistics is one file behind `base.Statistic`, found by `table`.
"""
