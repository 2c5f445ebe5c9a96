"""The wire: Python code generated from `protos/triune/v1`, the version, and errors as gRPC statuses.

`make protos` writes the `*_pb2` modules; a test checks that they are current. `status` is the only
place where an error becomes a gRPC status or comes back.
"""
