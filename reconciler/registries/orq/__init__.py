"""Orq.ai: one folder, the same file names as every kind: fields.py the tables, client.py the calls."""
