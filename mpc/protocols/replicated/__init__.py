"""Replicated secret sharing of three parties, one passive corruption (eprint 2016/768, 2018/403).

x = x_0 + x_1 + x_2 mod 2^64; party i holds (x_i, x_{i+1}). Boolean shares are the same with XOR.
One file a concern: packages (what holders send), shares, arithmetic, boolean, conversion, truncation,
separable (functions of words), permutation; protocol has the class and the table of costs.
"""
