"""The command line as ``python -m moetheory``."""

from moetheory.cli import main

raise SystemExit(main())
