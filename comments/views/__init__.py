"""Pages and feeds for people who read with a browser; none of them needs JavaScript."""
