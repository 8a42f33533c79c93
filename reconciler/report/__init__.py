"""Plans, outcomes and mistakes as text, JSON and markdown. Pure: no file, no network, no clock."""
