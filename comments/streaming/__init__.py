"""The door for those who stay: changes of threads as they happen, as server-sent events.

An ASGI application in a process of its own (``blog/asgi.py``). Nothing of Django's request handling
runs here: a stream is a task, a queue and a set of bytes that it shares with all others.
"""
