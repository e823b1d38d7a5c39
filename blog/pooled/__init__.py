"""Django's backend of PostgreSQL for ``?pool=true``: its ``base`` is where Django looks."""
