"""Other systems on the same work: each script runs where its system is installed, and imports nothing else.

A script gets a folder of inputs (`ID.npz`, arrays in order) on its command line, reads one line
`ID REPETITIONS` a row, and answers with one line of JSON: `{"seconds": [...], "bytes": sent by the busiest
party, "error": largest}` or `{"lacks": why}`. A lap runs from a barrier to the slowest party; inputs are
shared before, results stay shared.
"""
