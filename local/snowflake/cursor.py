"""Statements of the local Snowflake: each is atomic, writes in its turn, and fails with Snowflake's errors."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import fakesnow.copy_into
import fakesnow.transforms
from fakesnow.cursor import FakeSnowflakeCursor
from fakesnow.dialect import parse_one
from fakesnow.transforms.stage import parts_from_var
from snowflake.connector.errors import Error, ProgrammingError
from sqlglot import Expr, exp

from local.snowflake import copying, errors, statements, unloading
from local.snowflake.access import masks, order_reading, orders
from local.snowflake.access.carry_out import carried_out
from local.snowflake.access.masks import Masks
from local.snowflake.access.needs import Plan
from local.snowflake.access.seen import (
    only_seen,
    refuse_unknown_place,
    seen_of_information_schema,
    with_session,
)
from local.snowflake.checksums import with_checksums
from local.snowflake.forms import Form, form_of
from local.snowflake.refusals import refuse_what_would_be_pretended, unsupported
from local.snowflake.results import INLINE_ROWS, Column, Spooling, columns
from local.snowflake.statements import Kind, kind_of
from local.snowflake.translations import Kept, Step, Translation, Written, can_be_kept, parsed

if TYPE_CHECKING:
    from local.snowflake.session import Session

log = logging.getLogger("local.snowflake")

LOCK_TIMEOUT_SECONDS = 120.0
EARLIER_RESULT = "RESULT_SCAN {}"
NOTHING_TO_DO = "SELECT 'Statement executed successfully.' AS \"status\""

# Replace two steps inside fakesnow's own functions.
fakesnow.transforms.numeric_agg_implicit_cast = statements.exact_aggregate
fakesnow.copy_into._params = copying.parameters

_TRANSLATIONS = Kept[Translation]()


class Statement(FakeSnowflakeCursor):  # type: ignore[misc]
    _conn: Session
    _duck_conn: Any
    _columns: tuple[str | None, list[Column]] = (None, [])
    """Of which query, and what its result's columns are."""
    _masks: Mapping[tuple[str, ...], Masks] = MappingProxyType({})
    """What this statement does not show of the tables that it reads."""

    def execute(self, command: str, params: Any = None, *args: Any, **kwargs: Any) -> FakeSnowflakeCursor:
        started = time.monotonic()
        outcome = "failed"
        try:
            self._run(command, params, *args, **kwargs)
            outcome = "ok"
            return self
        finally:
            log.info(
                "event=statement outcome=%s seconds=%.3f rows=%s tag=%r sql=%r",
                outcome,
                time.monotonic() - started,
                self._rowcount,
                self._conn.query_tag,
                " ".join(command.split())[:200],
            )

    def _run(self, command: str, params: Any, *args: Any, **kwargs: Any) -> None:
        if order_reading.is_one(command):
            self._carry_out(order_reading.order_of(command))
            return
        statement = parsed(command)
        refuse_what_would_be_pretended(statement, command)
        plan = self._judged(command, statement)
        kind = kind_of(statement)
        session = self._conn
        if isinstance(statement, exp.Show):
            refuse_unknown_place(statement, session.gate)
        made = session.gate.before(plan.effects)
        if kind is Kind.BEGIN and session.in_transaction:
            command, kind = NOTHING_TO_DO, Kind.READ  # Snowflake has no nested transactions
        if parameter := unloading.changed_parameter(statement):
            session.unload_parameters |= dict([parameter])
            command, kind = NOTHING_TO_DO, Kind.READ
        try:
            self._run_in_turn(kind, command, params, *args, **kwargs)
        except Error:
            session.note_failure(kind)
            raise
        except Exception as failure:
            session.note_failure(kind)
            raise errors.as_snowflake(failure) from failure
        else:
            if made:
                session.gate.record(made)
            if isinstance(statement, exp.Show):
                only_seen(self, session, statement)
            session.last_query_id = self._sfqid
            session.has_written |= kind is Kind.WRITE and session.in_transaction
        finally:
            try:
                if kind is Kind.DDL:
                    session.look_for_temporary_tables()
            finally:  # the turn has to be given back, also by a session that was closed meanwhile
                session.end_statement()

    def _judged(self, command: str, statement: Expr) -> Plan:
        """What the statement needs and makes, if the session's roles may run it."""
        gate, form = self._conn.gate, form_of(command)
        text = form.text
        if "$" in command and self._conn.variables._variables:
            text = self._inline_variables(command)
            statement = parse_one(text)
        elif form.values and "IDENTIFIER" in command.upper():
            text, statement = command, parse_one(command)  # a name may be among the values
        plan = gate.pass_(text, statement)
        self._masks = gate.masks if plan.is_masked else {}
        return plan

    def _carry_out(self, order: orders.Order) -> None:
        """Roles, grants and the like. What changes something commits the transaction before it, as any DDL."""
        session = self._conn
        if isinstance(order, orders.Manage) and order.rest:
            self._run(order.rest, None)
        elif session.has_begun and not isinstance(order, (orders.Use, orders.Show, orders.Describe)):
            self._commit_before_ddl()
        try:
            self._execute(carried_out(order, session.gate).query())
            session.last_query_id = self._sfqid
        finally:
            session.end_statement()

    def _run_in_turn(self, kind: Kind, command: str, params: Any, *args: Any, **kwargs: Any) -> None:
        session = self._conn
        if kind in (Kind.WRITE, Kind.DDL) and not session.turn.take(session, LOCK_TIMEOUT_SECONDS):
            raise errors.locked(LOCK_TIMEOUT_SECONDS)
        if kind is Kind.COMMIT and session.is_spoiled:
            super().execute("ROLLBACK")
            session.has_begun = False
            raise unsupported("COMMIT after a statement of the transaction failed (it was rolled back)")
        if kind in (Kind.READ, Kind.WRITE):
            session.read_committed()
        if kind in (Kind.WRITE, Kind.DDL):
            with session.lake.remembering():
                self._write(kind, command, params, *args, **kwargs)
        else:
            self._perform(command, params, *args, **kwargs)
        if kind in (Kind.BEGIN, Kind.COMMIT, Kind.ROLLBACK):
            session.has_begun = kind is Kind.BEGIN

    def _write(self, kind: Kind, command: str, params: Any, *args: Any, **kwargs: Any) -> None:
        """Run one statement atomically. fakesnow runs MERGE and COPY as several DuckDB statements."""
        session = self._conn
        if kind is Kind.DDL and session.has_begun:
            self._commit_before_ddl()
        if kind is Kind.DDL or session.has_begun or not session._autocommit:
            self._perform(command, params, *args, **kwargs)
            return
        self._duck_conn.begin()
        try:
            self._perform(command, params, *args, **kwargs)
            self._duck_conn.commit()
        except BaseException:
            self._duck_conn.rollback()
            raise

    def _commit_before_ddl(self) -> None:
        if self._conn.is_spoiled:
            raise unsupported("DDL, which commits, after a statement of the transaction failed")
        self._duck_conn.commit()
        self._conn.has_begun = False

    def _perform(self, command: str, params: Any, *args: Any, **kwargs: Any) -> None:
        """Execute the statement, translated as it was before where it is the same but for its values."""
        if params or self._masks or not can_be_kept(command) or self._conn.gate.filters(command):
            super().execute(command, params, *args, **kwargs)
            return
        session, form = self._conn, form_of(command)
        self._sqlstate = None
        try:
            known = self._translation(form.text)
            if not form.is_intact_in(known.texts):
                form = Form(command)
                known = self._translation(command)
            temporary = session.temporary.named_in(form.text)
            values = kwargs.get("binding_params")
            for step in known.steps:
                self._execute(known.written(step, form, temporary), values if step.has_values else None)
        except ProgrammingError as error:
            self._sqlstate = error.sqlstate
            raise

    def _translation(self, text: str) -> Translation:
        session = self._conn
        temporary = session.temporary.named_in(text)
        key = text, session.scope, tuple(temporary)
        if (known := _TRANSLATIONS.find(key)) is None:
            known = Translation(temporary, self._translated(text))
            _TRANSLATIONS.keep(key, known, len(text))
        return known

    def _translated(self, text: str) -> list[Step]:
        expression = parse_one(text)
        self.check_db_and_schema(expression)
        return [Step(self._transform(part, None)) for part in self._transform_explode(expression)]

    def _transform_explode(self, expression: Expr) -> list[Expr]:
        session = self._conn
        if self._masks:
            expression = masks.masked(
                expression, self._masks, session.gate.access.registry, session.gate.scope, session.temporary
            )
        expression = seen_of_information_schema(with_session(expression, session.gate), session.gate)
        expression = session.temporary.resolved(expression, session.database, session.schema)
        if isinstance(expression, exp.Describe) and session.temporary.is_one(expression.this):
            raise unsupported("DESCRIBE of a temporary table")
        expression = self._with_earlier_results(expression)
        if isinstance(expression, exp.Merge):
            return statements.merge_statements(expression)
        exploded: list[Expr] = super()._transform_explode(expression)
        return exploded

    def _with_earlier_results(self, expression: Expr) -> Expr:
        """Make RESULT_SCAN usable like any table. fakesnow always returns the whole result."""
        session = self._conn
        for source in list(expression.find_all(exp.TableFromRows)):
            scan = source.this
            if not isinstance(scan, exp.Anonymous) or scan.name.upper() != "RESULT_SCAN":
                continue
            wanted = scan.expressions[0]
            query_id = wanted.name if isinstance(wanted, exp.Literal) else session.last_query_id
            result = session.results_cache.get(query_id)
            if result is None:
                raise ProgrammingError(msg=f"Statement {query_id} not found", errno=709, sqlstate="02000")
            if result[0] is None:
                raise unsupported(f"RESULT_SCAN of more than {INLINE_ROWS} rows")
            self._duck_conn.register(EARLIER_RESULT.format(query_id), result[0])
            alias = source.args.get("alias")
            name = exp.to_identifier(EARLIER_RESULT.format(query_id), quoted=True)
            source.replace(exp.Table(this=name, alias=alias and alias.copy()))
        return expression

    def check_db_and_schema(self, expression: Expr) -> None:
        """fakesnow takes the stage of a COPY INTO a location for a table without a schema."""
        if isinstance(expression, exp.Copy) and unloading.is_one(expression):
            expression = expression.args["files"][0].this
        super().check_db_and_schema(expression)

    def _transform(self, expression: Expr, params: Any) -> Expr:
        transformed: Expr = super()._transform(with_checksums(statements.faithful(expression)), params)
        return transformed

    def _execute(self, transformed: Expr | Written, params: Any = None) -> None:
        if "update_clauses" in transformed.args:
            # Bypass fakesnow, which would record the new table in a second DuckDB file: a transaction can write to one only.
            self._duck_conn.execute(transformed.sql(dialect="duckdb"), params)
            if update_clauses := transformed.args["update_clauses"]:
                self._refuse_ambiguous_update(update_clauses)
            return
        if isinstance(transformed, exp.Copy) and unloading.is_one(transformed):
            transformed, params = self._unloaded(transformed, params), None
        elif stage := transformed.args.get("list_stage_name"):
            url = self._url_of_stage(stage)
            if url:
                transformed = copying.listing(self._conn.lake, url)
        elif isinstance(transformed, exp.Query) and "put_stage_name" not in transformed.args:
            self._query(transformed, params)
            return
        super()._execute(transformed, params)
        self._columns = self._sfqid, columns(self._duck_conn.description)

    def _describe_last_sql(self) -> list[Column]:
        """fakesnow would plan the query a second time to learn its columns."""
        query_id, found = self._columns
        return found if query_id == self._sfqid else super()._describe_last_sql()

    def _query(self, query: Expr | Written, params: Any) -> None:
        """Run a query. Of a large result only the first rows become fakesnow's result."""
        session, connection = self._conn, self._duck_conn
        session.large_results.forget_read()
        self._duck_conn = spooling = Spooling(connection, session.all_large_results)
        try:
            super()._execute(query, params)
        finally:
            self._duck_conn = connection
        self._columns = self._sfqid, spooling.columns
        if spooling.large:
            self._rowcount = spooling.large.rows
            session.large_results.keep(self._sfqid, spooling.large)
            _, *known = session.results_cache[self._sfqid]
            session.results_cache[self._sfqid] = (None, *known)
            if session.is_abandoned:
                session.large_results.forget_all()

    def _unloaded(self, copy: exp.Copy, params: Any) -> Expr:
        session = self._conn
        place = parts_from_var(unloading.stage_of(copy), session.database, session.schema)
        url = self._url_of_stage(".".join(place))
        if not url:
            raise unsupported(f"COPY INTO {'.'.join(place)}, which is no external stage")
        unload = unloading.Unload(copy, url, str(uuid4()))
        return unloading.answer(*unload.run(self._duck_conn, session.lake, params, session.unload_parameters))

    def _url_of_stage(self, stage: str) -> str | None:
        found = self._duck_conn.execute(
            "SELECT url FROM _fs_global._fs_information_schema._fs_stages"
            " WHERE database_name || '.' || schema_name || '.' || name = ?",
            [stage],
        ).fetchone()
        return str(found[0]) if found and found[0] else None

    def _refuse_ambiguous_update(self, update_clauses: list[int]) -> None:
        """Fail if several source rows update one target row (ERROR_ON_NONDETERMINISTIC_MERGE, Snowflake's default).

        DuckDB would use any one of the rows.
        """
        row = statements.MERGE_TARGET_ROW
        updates = ", ".join(str(clause) for clause in update_clauses)
        ambiguous = self._duck_conn.execute(
            f"SELECT count(*) FROM (SELECT {row} FROM merge_candidates WHERE {row} IS NOT NULL"
            f" GROUP BY {row} HAVING count(*) > 1 AND bool_or(merge_op IN ({updates})))"
        ).fetchone()
        if ambiguous and ambiguous[0]:
            raise ProgrammingError(
                msg=f"Duplicate row detected during DML action: {ambiguous[0]} target row(s) match several source rows",
                errno=100090,
                sqlstate="42P18",
            )
