"""What may go wrong, and whose mistake it is."""

from __future__ import annotations


class UserError(ValueError):
    """The user's mistake: the message says what, where, and what to do. The command line exits with 2.

    Components raise a plain ``ValueError`` for a bad argument; this subclass marks the messages that are
    written for somebody who never saw the code.
    """
