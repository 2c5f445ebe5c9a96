"""The demonstration: five hospitals on this machine answer joint queries on real patients.
Lives here: the cohort and its split, the processes, the queries, the pooled oracle, the report.
May come in: the client SDK and the command line, as processes. Nothing imports this room but the command.
"""
