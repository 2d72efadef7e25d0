"""What the OpenAPI document says in words, said so that schemathesis understands it.

Without these it sends, as valid, numbers that are not E.164 and operators that nobody knows, and then complains that
they are refused. Nothing is taken away from the document but freedom that its own descriptions take away too.
"""

import schemathesis

TIME_ZONE_PART = "[A-Za-z0-9_+][A-Za-z0-9._+-]*"  # the tz database's rules for names
EVENT_ATTRIBUTES = [
    "id", "calendar_id", "title", "body", "location", "start", "end", "cancel_note", "canceled_by_id",
    "canceled_by_type", "public_id", "provider_event_id", "customer_id", "meeting_link_id", "created_at",
    "updated_at", "deleted_at",
]
OPERATORS = ["=", "==", "eq", "is", "!=", "<>", "ne", "neq", "<", "lt", "<=", "lte", ">", "gt", ">=", "gte", "like", "contains"]


@schemathesis.hook
def before_load_schema(context, raw_schema):
    schemas = raw_schema["components"]["schemas"]
    parameters = raw_schema["components"]["parameters"]
    paths = raw_schema["paths"]

    # "E.164 form" and "IANA time zone name".
    schemas["Customer"]["properties"]["contact_number"]["pattern"] = r"^\+[1-9][0-9]{1,14}$"
    schemas["User"]["properties"]["timezone"]["pattern"] = f"^{TIME_ZONE_PART}(/{TIME_ZONE_PART})*$"

    # "Must be true where is_silent is true."
    activation = paths["/users"]["post"]["requestBody"]["content"]["application/json"]["schema"]["allOf"][0]
    activation["anyOf"] = [
        {"required": ["activate"], "properties": {"activate": {"enum": [True]}}},
        {"properties": {"is_silent": {"enum": [False]}}},
    ]

    # Options and limits are "not documented": these are the sandbox's.
    parameters["FilterOperator"]["schema"]["enum"] = OPERATORS
    for page in ("PageSize", "PageNumber"):
        parameters[page]["schema"].update(minimum=1, maximum=2**63 - 1)
    for parameter in paths["/calendars/{calendar_id}/events"]["get"]["parameters"]:
        if parameter.get("name") == "attribute":
            parameter["schema"]["enum"] = EVENT_ATTRIBUTES

    # x-unknown: "The reference lists no 400 although the body is validated".
    cancel = paths["/calendars/{calendar_id}/events/{event_id}/cancel"]["post"]
    cancel["responses"]["400"] = {"$ref": "#/components/responses/ValidationErrorResponse"}
    # Nothing is said of a conference that is not there; the sandbox answers as for every other object.
    update = paths["/online_conferences/{online_conference_id}"]["patch"]
    update["responses"]["404"] = {"$ref": "#/components/responses/ResourceObjectDoesNotExistErrorResponse"}


@schemathesis.hook
def map_path_parameters(context, path_parameters):
    """Ids of objects that are there, or nearly: others lead to nothing but 404."""
    for name, value in (path_parameters or {}).items():
        if isinstance(value, int) and not isinstance(value, bool):
            path_parameters[name] = value % 4
    return path_parameters


@schemathesis.hook
def map_body(context, body):
    """Times "together are at most 24 hours", which a schema cannot say: whole numbers are brought below that."""
    hours = body.get("work_hours") if isinstance(body, dict) else None
    for day in hours.values() if isinstance(hours, dict) else ():
        for span in day if isinstance(day, list) else ():
            for time in span.values() if isinstance(span, dict) else ():
                for part, limit in (("hour", 23), ("minute", 59), ("second", 59)):
                    value = time.get(part) if isinstance(time, dict) else None
                    if isinstance(value, int) and not isinstance(value, bool):
                        time[part] = value % (limit + 1)
    return body
