"""What the data are: schemas that all holders of a data set agree on, and each holder's own files.

Lives here: the catalogue's models, reading and drafting from CSV, a holder's registered data sets.
May come in: files of this holder only. Values never leave in an error, a log or a repr.
"""
