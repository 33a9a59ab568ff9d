"""Whether a job could run: its keys, its lists, and what each account says of itself for free."""

from collections.abc import Mapping
from dataclasses import dataclass

from harvester.assembly.accounts import account_transport, credentials, lane_names, read_balance
from harvester.assembly.surroundings import Surroundings
from harvester.errors import ConfigError, HarvestError
from harvester.job import Account, Job
from harvester.model import Balance


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountCheck:
    """What became of asking one key."""

    balance: Balance | None = None
    fault: str | None = None


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
        for lane, credential in zip(lane_names(name, len(keys)), keys, strict=True):
            async with account_transport(account, credential, around.clock) as transport:
                try:
                    balance = await read_balance(account, transport)
                except HarvestError as exc:
                    found[lane] = AccountCheck(fault=str(exc))
                else:
                    found[lane] = AccountCheck(balance=balance, fault=_too_little(account, balance))
    return Checked(accounts=found, faults=tuple(faults))


def _too_little(account: Account, balance: Balance | None) -> str | None:
    keep_units = account.config.keep
    if keep_units is None or balance is None or balance.units_left is None or balance.units_left > keep_units:
        return None
    return f"{balance.units_left} {account.provider.unit} are left, and keep = {keep_units}: nothing may be spent"
