"""``python -m exx``: the command line, where ``exx`` itself is not on the path."""

from exx.cli.main import main

if __name__ == "__main__":
    main()
