"""Respan: fields.py the tables of models and providers, client.py the calls."""
