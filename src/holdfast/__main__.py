"""``python -m holdfast`` is the command line."""

import sys

from holdfast.app.cli import main

sys.exit(main())
