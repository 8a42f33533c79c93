"""The kind `shelf`: fields.py the table, client.py the calls, kind.py what reconciler loads."""
