"""What is asked: plans, filters, and whether a plan fits the catalogue.

Lives here: the signed plan, expressions, validation, compilation into a `JointQuery`, explanations.
May come in: schemas and the consortium file. No storage, no network, no clock of its own.
"""
