"""Whether a job could run: its keys, and what each account says of itself for free."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from harvester.assembly.accounts import Gated, account_transport, read_balance
from harvester.assembly.keys import credentials, gate_of, lock_path
from harvester.assembly.surroundings import Surroundings
from harvester.display import amount
from harvester.errors import ConfigError, HarvestError
from harvester.job import Account, Job, lane_names
from harvester.locks import Busy, key_lock
from harvester.model import Balance, Credential


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountCheck:
    """What became of asking one key."""

    unit: str
    reference: str = ""  #: where the key was found
    balance: Balance | None = None
    fault: str | None = None
    holder: str | None = None  #: who uses the key now, so that it was not asked


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """What was found, key by key."""

    accounts: Mapping[str, AccountCheck]  #: by lane
    faults: tuple[str, ...]  #: keys that cannot be had

    @property
    def is_good(self) -> bool:
        """Whether a run could begin."""
        return not self.faults and all(account.fault is None for account in self.accounts.values())


async def check_job(job: Job, around: Surroundings) -> Checked:
    """Ask every account of a job for its balance; nothing paid is sent."""
    found: dict[str, AccountCheck] = {}
    faults: list[str] = []
    for name, account in job.accounts.items():
        try:
            keys = credentials(account, around.environ)
        except ConfigError as exc:
            faults += exc.faults
            continue
        for lane, reference, credential in zip(lane_names(name, len(keys)), account.config.keys, keys, strict=True):
            found[lane] = replace(await _check_account(account, credential, around), reference=reference)
    return Checked(accounts=found, faults=tuple(faults))


async def _check_account(account: Account, credential: Credential, around: Surroundings) -> AccountCheck:
    unit = account.provider.unit
    try:
        # A question beside a run could be one more than the rate allows.
        with key_lock(lock_path(account, credential, around.environ), "harvester check") as trail:
            gate = gate_of(account.rate, around.clock, trail, None)
            async with account_transport(account, credential, around.clock, around.environ) as transport:
                balance = await read_balance(account, Gated(gate, transport), around.clock)
    except Busy as exc:
        return AccountCheck(unit=unit, holder=str(exc))
    except HarvestError as exc:
        return AccountCheck(unit=unit, fault=str(exc))
    return AccountCheck(unit=unit, balance=balance, fault=_too_little(account, balance))


def _too_little(account: Account, balance: Balance | None) -> str | None:
    keep_units = account.config.keep
    left_units = None if balance is None else balance.units_left
    if keep_units is None:
        return None
    if left_units is None:
        return f"keep = {keep_units:,}, but the account does not tell how much is left: remove `keep`"
    if left_units <= keep_units:
        left, keep = (amount(units, account.provider.unit) for units in (left_units, keep_units))
        return f"{left} are left and keep = {keep}: nothing may be spent"
    return None
