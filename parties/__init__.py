"""The party node, the analyst's client, and everything that decides whether a query runs.

Rooms: identity, wire, management, law, query, node, client, demo, commands, cli.
`mpc` never imports from here.
"""
