"""Who may ask what: a party's policy as pure functions with rule ids.

May come in: facts about a plan, as plain arguments. No clock, storage or network.
"""
