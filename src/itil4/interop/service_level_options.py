"""What commands ask about service levels: the policy, and the target that figures are about."""

import argparse
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from itil4.errors import InvalidInput

if TYPE_CHECKING:
    from itil4.itsm import ServiceManagement
    from itil4.practices.figures import Figures
    from itil4.practices.service_policy import ServiceLevelPolicy


def add_policy_argument(parser: argparse.ArgumentParser) -> None:
    """Add `--policy FILE`."""
    parser.add_argument("--policy", type=Path, metavar="FILE.toml", help="the service level policy")


def add_target_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what the figures of service levels need besides a period: `--target NAME` and `--policy FILE`."""
    parser.add_argument(
        "--target", metavar="NAME", help="figures of a target, by slot (sla/resolve), metric, name or agreement; or all"
    )
    add_policy_argument(parser)


def policies(policy: Path | None) -> "dict[str, ServiceLevelPolicy]":
    """Return what `connect(policies=...)` takes, from a file; nothing where there is none.

    Raises:
        InvalidInput: the file cannot be read.
        DefinitionError: it is no policy that can work.
    """
    if policy is None:
        return {}
    from itil4.practices.service_policy import ServiceLevelPolicy

    try:
        text = policy.read_text(encoding="utf-8")
    except OSError as error:
        raise InvalidInput.of(
            "bad_file", file=str(policy), format="TOML", error=str(error), remedy="Give another path."
        ) from error
    return {"service_level": ServiceLevelPolicy.from_toml(text)}


def target_figures(
    itsm: "ServiceManagement", target: str, *, since: datetime | None = None, until: datetime | None = None,
    by: tuple[str, ...] = (), **options: Any,
) -> "Figures":  # fmt: skip
    """Return the figures of `report --target`: of one target, or of all with `all`.

    A report straight from an export file is that of a store in memory into which the file was imported. `to_dict()` of
    the result is its JSON, `rows()` its table, and `str()` its text.
    """
    return itsm.service_levels.figures(
        since=since, until=until, split=by, target=None if target == "all" else target, **options
    )
