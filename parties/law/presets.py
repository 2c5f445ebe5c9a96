"""Starting points for a party's terms: Triune's own, and those of two services that hospitals know.

A preset gives every term its starting value, and `[policy]` of node.toml overrides single ones. What a
service has no word for stays as strict as Triune's own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Final, Literal

from mpc.privacy.terms import Terms
from parties.law.rules import DEFAULT_TERMS

Preset = Literal["triune", "datashield", "opensafely"]

PRESETS: Final[Mapping[Preset, Terms]] = MappingProxyType(
    {
        "triune": DEFAULT_TERMS,
        # Defaults of nfilter.tab (3) and nfilter.glm (0.33): wiki.datashield.org, "Disclosure checks", 2022.
        "datashield": replace(DEFAULT_TERMS, minimum_count=3, records_per_parameter=3, p_percent=0),
        # "Redact counts <= 7", then round to the nearest 5: docs.opensafely.org/outputs/sdc.
        "opensafely": replace(DEFAULT_TERMS, minimum_count=8, round_to=5),
    }
)
