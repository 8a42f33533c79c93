"""What the price changes of a plan would have cost, at a usage that somebody exported.

Reads one CSV file and a plan; asks no registry and no network, and changes nothing in either.
"""
