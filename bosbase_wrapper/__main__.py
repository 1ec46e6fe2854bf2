"""`python -m bosbase_wrapper` is the command `bosbase-tokens`."""

import sys

from bosbase_wrapper.cli import main

sys.exit(main())
