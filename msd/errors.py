"""Errors that a user can act on."""


class UserError(ValueError):
    """One sentence for the user: what is wrong, where, and what to do."""
