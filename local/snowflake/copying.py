"""COPY INTO's options, some of which fakesnow ignores, and LIST of an external stage."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import fakesnow.copy_into
from fakesnow.copy_into import ReadJSON
from fakesnow.transforms.file_format import lookup_file_format
from fakesnow.transforms.options import parse_options
from sqlglot import Expr, exp

from local.snowflake.lake import LakeFileSystem
from local.snowflake.refusals import unsupported

_fakesnow_parameters = fakesnow.copy_into._params
_JSON_OPTIONS = {"TYPE", "STRIP_OUTER_ARRAY", "COMMENT"}


@dataclass
class _Json(ReadJSON):  # type: ignore[misc]  # fakesnow is untyped here
    format: str = "unstructured"

    def read_expression(self, url: str) -> Expr:
        """Read the file as a sequence of values. An array is one value, unless STRIP_OUTER_ARRAY is set."""
        return exp.func("read_json_objects", self.file_literal(url), self.make_eq("format", self.format))


def parameters(copy: exp.Copy, *args: Any, **where: Any) -> Any:
    copy.set("params", [option for option in copy.args.get("params") or [] if not _is_off(option)])
    found = _fakesnow_parameters(copy, *args, **where)
    if found.purge:
        raise unsupported("COPY with PURGE (the files of an external stage would stay)")
    if isinstance(found.file_format, ReadJSON):
        options = _format_options(copy, where)
        if unknown := set(options) - _JSON_OPTIONS:
            raise unsupported(f"COPY of JSON with {', '.join(sorted(unknown))}")
        return replace(
            found, file_format=_Json("array" if options.get("STRIP_OUTER_ARRAY") else "unstructured")
        )
    return found


def _is_off(option: exp.CopyParameter) -> bool:
    """Whether the option is FORCE = FALSE or PURGE = FALSE. fakesnow reads FORCE = FALSE as FORCE."""
    return option.name.upper() in ("FORCE", "PURGE") and option.expression == exp.false()


def _format_options(copy: exp.Copy, where: dict[str, Any]) -> dict[str, Any]:
    (format_,) = (option for option in copy.args["params"] if option.name.upper() == "FILE_FORMAT")
    options: dict[str, Any] = parse_options(format_.expressions)
    if name := options.pop("FORMAT_NAME", None):
        options = {
            **lookup_file_format(
                where["duck_conn"], str(name), where["current_database"], where["current_schema"]
            ),
            **options,
        }
    return options


def listing(lake: LakeFileSystem, url: str) -> Expr:
    """The query that returns LIST's rows for an external stage."""
    files = sorted(lake.find(url.removeprefix("s3://"), detail=True).items())
    rows = [
        exp.select(
            exp.Literal.string(f"s3://{name}").as_("name", quoted=True),
            exp.Literal.number(file["size"]).as_("size", quoted=True),
            exp.Null().as_("md5", quoted=True),
            exp.Literal.string(f"{file['mtime']:%a, %d %b %Y %H:%M:%S GMT}").as_(
                "last_modified", quoted=True
            ),
        )
        for name, file in files
    ]
    if not rows:
        rows = [
            exp.select("NULL AS name", "0 AS size", "NULL AS md5", "NULL AS last_modified").where("1 = 0")
        ]
    return rows[0] if len(rows) == 1 else exp.union(*rows, distinct=False)
