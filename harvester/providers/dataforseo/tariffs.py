"""What DataForSEO asks: "0.024 USD per request + 0.000036 USD per returned row", the same for every function."""

from harvester.providers.tariff import Tariff

REQUEST_UNITS = 24_000
ROW_UNITS = 36


def tariff(function: str) -> Tariff:
    """Return the price of one function, in micro-dollars, unless the account tells another (`user_data.price`).

    A target without data was billed as one row.
    """
    return Tariff(request_units=REQUEST_UNITS, row_units=ROW_UNITS, least_rows=1, name=function)
