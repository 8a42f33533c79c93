"""One thin module per command; `app.py` lists them, `loading.py` and `run.py` hold the steps they share."""
