"""envelope.json: every delivery here is rightly signed and fresh; only its body is judged."""

from __future__ import annotations

from generator import envelope_fields, envelope_json, envelope_values
from generator.delivery import Case

ABOUT = (
    "Rightly signed bodies: size, JSON, the five fields, their values, data, severity, and which refusal comes first."
)


def cases() -> list[Case]:
    json, fields, values = envelope_json, envelope_fields, envelope_values
    return [
        *json.sizes(),
        *json.documents(),
        *json.prefixes(),
        *json.bad_utf8(),
        *json.bad_json(),
        *json.depths(),
        *json.numbers(),
        *json.surrogates(),
        *fields.missing_fields(),
        *fields.wrong_types(),
        *fields.duplicate_keys(),
        *fields.unknown_fields(),
        *fields.notations(),
        *values.event_ids(),
        *values.event_types(),
        *values.api_versions(),
        *values.emitted_ats(),
        *values.data_bytes(),
        *values.severities(),
        *fields.order_of_checks(),
    ]
