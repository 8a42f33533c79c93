"""One thin module per command; `app.py` is the list of them, `run.py` the steps that they share."""
