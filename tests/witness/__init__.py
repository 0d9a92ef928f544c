"""Other libraries as oracles (``make test-witness``)."""
