"""Guards: rules that refuse, each with the narrowest acknowledgement that would let this one through."""
