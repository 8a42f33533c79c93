"""IBM watsonx Orchestrate: the virtual models of its AI gateway."""
