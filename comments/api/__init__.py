"""The JSON API: parse, call one action or query, answer."""
