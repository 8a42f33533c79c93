"""IBM watsonx Orchestrate: virtual models of its AI gateway, and the token exchange of IBM Cloud.

- ``provider_config``: the 76 keys, their types and spellings
- ``model``: what the bodies may hold, and the document made of them; pure
- ``table``: where models are kept
- ``builtin``: the vendor's models that every registry has
- ``routes``, ``identity``, ``errors``: the HTTP side, the token exchange, the shapes of error answers
- ``seed``: what clients cannot create
"""
