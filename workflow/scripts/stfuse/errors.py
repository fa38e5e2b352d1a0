"""The one exception that a user can cure."""


class InputError(ValueError):
    """Something the user brought does not fit.

    The message says what was expected, what was found, in which file, and the cure;
    scripts print it without a traceback.

    Parameters
    ----------
    found : str
        What is wrong and where, as a sentence without the final stop.
    cure : str
        What the user can do about it, as a sentence without the final stop.
    """

    def __init__(self, found: str, cure: str) -> None:
        super().__init__(f"{found}. Cure: {cure}.")
        self.found, self.cure = found, cure


class NotNowError(InputError):
    """What is asked for may be had later: an archive does not answer now, and nothing is known to be wrong.

    No result may rest on it: who leaves something out for an InputError lets this one pass.
    """


class TooLittleError(InputError):
    """There is too little to learn from: a method that learns for each date may do without."""
