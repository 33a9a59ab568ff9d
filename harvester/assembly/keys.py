"""A job's keys: found, and held against other processes of this machine."""

import math
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path

from harvester.assembly.surroundings import Surroundings
from harvester.config import resolve_key, resolve_login
from harvester.engine.gate import Gate, Pace
from harvester.engine.ports import Clock
from harvester.errors import ConfigError
from harvester.job import Account, Job, lane_names
from harvester.locks import Busy, KeyTrail, key_lock, key_lock_path
from harvester.model import Credential, RateRule

KEY_POLL_S = 1.0

Keys = Mapping[str, Sequence[Credential]]  #: by provider
Trails = Mapping[str, KeyTrail]  #: by lane


def credentials(account: Account, environ: Mapping[str, str]) -> list[Credential]:
    """Return the keys of a provider. Raises ConfigError naming all that cannot be had."""
    named: dict[Credential, str] = {}
    faults: list[str] = []
    login = account.config.settings.get("login")
    plain_login = None
    if login is not None:
        try:
            plain_login = resolve_login(login, environ)
        except ConfigError as exc:
            faults += exc.faults
    for reference in account.config.keys:
        try:
            credential = Credential(key=resolve_key(reference, environ), login=plain_login)
        except ConfigError as exc:
            faults += exc.faults
            continue
        if credential in named:  # two lanes would run at twice the rate that the account allows
            faults.append(f"{reference}: the same key as {named[credential]}; name each key once")
        named.setdefault(credential, reference)
    if faults:
        raise ConfigError([f"[providers.{account.provider.name}] {fault}" for fault in dict.fromkeys(faults)])
    return list(named)


def without_secrets(environ: Mapping[str, str], keys: Keys) -> dict[str, str]:
    """Return an environment for a process that needs no keys."""
    secrets = [secret for each in keys.values() for credential in each for secret in credential.secrets()]
    return {name: value for name, value in environ.items() if not any(secret in value for secret in secrets)}


def all_credentials(job: Job, environ: Mapping[str, str]) -> Keys:
    """Return every provider's keys. Raises ConfigError naming all that cannot be had."""
    found: dict[str, Sequence[Credential]] = {}
    faults: list[str] = []
    for name, account in job.accounts.items():
        try:
            found[name] = credentials(account, environ)
        except ConfigError as exc:
            faults += [f"{job.config.path}: {fault}" for fault in exc.faults]
    if faults:
        raise ConfigError(faults)
    return found


def lock_path(account: Account, credential: Credential, environ: Mapping[str, str]) -> Path:
    """Return the file that stands for a key on this machine."""
    secret = ":".join(filter(None, (credential.login, credential.key)))  # a password is a key only with its login
    return key_lock_path(account.provider.name, account.base_url, secret, environ)


@asynccontextmanager
async def holding(job: Job, keys: Keys, around: Surroundings) -> AsyncIterator[Trails]:
    """Hold all keys of a job for the length of the block, waiting for those that another process holds."""
    paths: dict[Path, tuple[str, str]] = {}  #: provider and lane
    for name, account in job.accounts.items():
        for lane, credential in zip(lane_names(name, len(keys[name])), keys[name], strict=True):
            paths[lock_path(account, credential, around.environ)] = (name, lane)
    trails: dict[str, KeyTrail] = {}
    with ExitStack() as stack:
        for path in sorted(paths):  # everybody in one order: two jobs never wait for each other
            provider, lane = paths[path]
            trails[lane] = await _hold(stack, path, provider, f"job {job.config.output}", around)
        yield trails


async def _hold(stack: ExitStack, path: Path, provider: str, holder: str, around: Surroundings) -> KeyTrail:
    is_told = False
    while True:
        try:
            return stack.enter_context(key_lock(path, holder))
        except Busy as exc:
            if not is_told:
                around.notice(f"Waiting: the key of {provider} is in use by {exc}. Two could not share its rate.")
                is_told = True
        await around.clock.sleep_s(KEY_POLL_S)


def gate_of(rule: RateRule | None, clock: Clock, trail: KeyTrail, last_at: float | None) -> Gate:
    """Return a key's gate; `last_at`: Unix time of the job's last request with it, None = it has sent none.

    It may begin at once only if all that is known says that nothing has left for a window. The job's own time is the
    wall clock's, which anybody can set, so it never suffices alone.
    """
    gone_s = trail.gone_s(clock.monotonic_s())
    if rule is None or (gone_s is None and last_at is None):
        return Gate(rule, clock, is_fresh=True, trail=trail)
    job_gone_s = math.inf if last_at is None else clock.utc().timestamp() - last_at
    is_fresh = gone_s is not None and min(gone_s, job_gone_s) > Pace(rule).rest_s
    return Gate(rule, clock, is_fresh=is_fresh, trail=trail)
