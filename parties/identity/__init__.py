"""Who a party is: two pinned public keys, and all that follows from them.
Lives here: key files, the consortium file, mutual TLS between pinned keys, sealing, requests.
May come in: `cryptography`, `grpcio`, files of the operator's. No job, no plan, no data.
"""
