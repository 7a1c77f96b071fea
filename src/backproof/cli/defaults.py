"""How the help shows what is used when an option is not given."""


def shown(default: object) -> str | None:
    """As one would write it at the command line; None for nothing, which needs no words."""
    if default is None or default is False or default in ("", ()):
        return None
    if default is True:
        return "yes"
    return ",".join(map(str, default)) if isinstance(default, tuple) else str(default)
