"""``python -m makespan`` is the ``makespan`` program."""

from makespan.cli import main

if __name__ == "__main__":
    main()
