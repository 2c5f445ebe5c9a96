"""What the command line does, one module a subject; `parties.cli` joins them under `triune`.
Lives here: reading options, calling the rooms, printing. Heavy rooms are imported when a command runs.
May come in: everything below the command line.
"""
