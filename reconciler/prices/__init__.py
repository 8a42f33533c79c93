"""Public prices beside declared ones. Asks nothing of a registry or of the network.

The catalogue is the snapshot that the package genai-prices ships; nothing here ever updates it.
"""
