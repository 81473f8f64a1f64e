"""A real browser without a screen: Chromium, told what to do by the WebDriver protocol (W3C).

The browser resolves no names and speaks to this machine only.  Every request has a timeout, and the whole
family of processes is ended with the test, whatever state it is in.
"""

import base64
import json
import os
import shutil
import signal
import subprocess
import tempfile
import time
import urllib.error
import urllib.request

from real_clients import free_port

REQUEST_SECONDS = 60
START_SECONDS = 60
OPTIONS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--no-first-run",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
    "--window-size=900,600",
)


class Browser:
    """One browser window; use it as a context manager."""

    def __init__(self):
        self._session = ""
        self._base = f"http://127.0.0.1:{free_port()}"

    def __enter__(self):
        self._home = tempfile.mkdtemp(prefix="nacre-")  # short, for the sockets in it
        port = self._base.rpartition(":")[2]
        self._driver = subprocess.Popen(
            ["chromedriver", f"--port={port}"],
            env={"PATH": os.environ["PATH"], "HOME": self._home, "TMPDIR": self._home},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            self._wait_for_driver()
            options = {"args": [*OPTIONS, f"--user-data-dir={self._home}/profile"]}
            wanted = {"capabilities": {"alwaysMatch": {"goog:chromeOptions": options}}}
            self._session = f"/session/{self._ask('POST', '/session', wanted)['sessionId']}"
            limits = {"pageLoad": REQUEST_SECONDS * 500, "script": REQUEST_SECONDS * 500}
            self._ask("POST", f"{self._session}/timeouts", limits)
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(self, *_):
        try:
            self._ask("DELETE", self._session)
        finally:
            self._end()

    def open(self, url):
        """Load a page."""
        self._ask("POST", f"{self._session}/url", {"url": url})

    def run(self, script):
        """Run the body of a function in the page; return what it returns."""
        return self._ask("POST", f"{self._session}/execute/sync", {"script": script, "args": []})

    def picture(self):
        """Return what the window shows, as a PNG."""
        return base64.b64decode(self._ask("GET", f"{self._session}/screenshot"))

    def _wait_for_driver(self):
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                if self._ask("GET", "/status")["ready"]:
                    return
            except OSError:
                assert self._driver.poll() is None, "chromedriver has ended"
                assert time.monotonic() < deadline, "chromedriver does not answer"
            time.sleep(0.05)

    def _ask(self, method, path, body=None):
        request = urllib.request.Request(
            self._base + path, method=method, data=None if body is None else json.dumps(body).encode()
        )
        try:
            with urllib.request.urlopen(request, timeout=REQUEST_SECONDS) as answer:
                return json.load(answer)["value"]
        except urllib.error.HTTPError as error:
            raise AssertionError(f"{method} {path}: {error.read().decode(errors='replace')}") from None

    def _end(self):
        os.killpg(self._driver.pid, signal.SIGKILL)
        self._driver.wait()
        shutil.rmtree(self._home, ignore_errors=True)
