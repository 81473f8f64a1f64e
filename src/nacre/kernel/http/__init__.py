"""The HTTP edge: sockets and ASGI in app, one visible pipeline in stack, routes as data in routing."""
