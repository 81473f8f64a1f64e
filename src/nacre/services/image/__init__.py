"""The image service: disks from which servers are made, and who may use them (Image API v2).

An image is a row that says what it is, and a file that never changes once it is there.  Bytes come in as a
stream: they are hashed, looked at (what format is this really?) and stored in one pass, in constant memory.
Nothing of a failed upload remains, and no image may name other files on the machine that opens it.
"""
