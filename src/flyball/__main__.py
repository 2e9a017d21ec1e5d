"""`python -m flyball` is `flyball`."""

from flyball.cli.main import main

if __name__ == "__main__":
    main()
