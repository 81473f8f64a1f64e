"""A metadata service for tests: serves the files of a directory on 169.254.169.254, port 80."""

import functools
import http.server
import sys

ADDRESS = ("169.254.169.254", 80)

if __name__ == "__main__":
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=sys.argv[1])
    http.server.ThreadingHTTPServer(ADDRESS, handler).serve_forever()
