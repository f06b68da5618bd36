"""Reports that are sent by e-mail again and again."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from app.access.schedules import reach_of
from app.current import mailer
from app.domain import report_schedules
from app.domain.people import Department, Role, User
from app.domain.report_schedules import ReportSchedule, SentPeriod
from app.domain.reports.catalogue import ReportName
from app.extensions import db
from app.web.deleting import ask_and_delete
from app.web.people import me, permission_required
from app.web.record_forms import Choice, Flag, Line, RecordForm, Several, attempt
from app.web.reports import ABOUT, mine

pages = Blueprint("schedules", __name__)

NEEDS = "reports:export"
PERIODS = {
    SentPeriod.WEEK: "The last week, Monday to Sunday",
    SentPeriod.MONTH: "The last month",
    SentPeriod.DAYS_30: "The last 30 days",
}
WHEN = {
    "FREQ=MONTHLY;BYMONTHDAY=1": "On the first of each month",
    "FREQ=WEEKLY;BYDAY=MO": "Each Monday",
    "FREQ=WEEKLY;BYDAY=FR": "Each Friday",
    "FREQ=DAILY": "Each day",
    "FREQ=MONTHLY;BYMONTHDAY=-1": "On the last day of each month",
}


class ScheduleForm(RecordForm):
    """What is asked about a report that is sent."""

    report = Choice("Report", render_kw={"required": True})
    period = Choice("Of which time", render_kw={"required": True})
    rrule = Choice("When", render_kw={"required": True})
    at = Line("At", description="By the site's clock.", render_kw={"required": True, "type": "time"})
    format = Choice("As", render_kw={"required": True})
    department_id = Choice("Department", numbers=True, prompt="All departments")
    recipients = Several("To whom", numbers=True)
    active = Flag("In use", description="While it is not, nothing is sent.")

    def prepare(self) -> None:
        """What can be chosen, by whoever is signed in."""
        self.report.offer([(str(name), ABOUT[name][0]) for name in mine()])
        self.period.offer([(str(code), text) for code, text in PERIODS.items()])
        choices = list(WHEN.items())
        if self.rrule.data and self.rrule.data not in WHEN:
            choices.append((self.rrule.data, self.rrule.data))
        self.rrule.offer(choices)
        self.format.offer([("xlsx", "Excel"), ("pdf", "PDF"), ("csv", "CSV")])
        session = db.session()
        departments = sa.select(Department.id, Department.name).where(Department.active)
        self.department_id.offer([(row.id, row.name) for row in session.execute(departments)])
        people = sa.select(User).where(User.active, User.role.is_not(None)).order_by(User.name)
        self.recipients.offer([(user.id, user.name) for user in session.scalars(people)])

    def given(self) -> dict[str, Any]:
        """The arguments of the domain's functions."""
        report = self.report.data
        return {**self.values(), "reach": reach_of(report) if report in list(ReportName) else {}}


@pages.get("/reports/schedules")
@permission_required(NEEDS)
def listing() -> str:
    """The reports that the signed-in person has sent; an administrator sees all."""
    found = report_schedules.list_schedules(db.session(), me().id, every=_every())
    ids = {user_id for row in found for user_id in row.recipients}
    query = sa.select(User.id, User.name).where(User.id.in_(ids))
    names = {row.id: row.name for row in db.session().execute(query)}
    return render_template(
        "schedules/list.html",
        found=found,
        names=names,
        about=ABOUT,
        when_words=WHEN,
        period_words={str(code): text for code, text in PERIODS.items()},
        sends_mail=mailer() is not None,
    )


@pages.route("/reports/schedules/new", methods=["GET", "POST"])
@permission_required(NEEDS)
def new() -> ResponseReturnValue:
    """Have a report sent."""
    usual = {"at": "06:00", "recipients": [me().id], "format": "xlsx", "period": "MONTH", "active": True}
    form = ScheduleForm(**usual, rrule="FREQ=MONTHLY;BYMONTHDAY=1", report=request.args.get("report"))
    form.prepare()
    if request.method == "POST":
        made = attempt(
            form, lambda session: report_schedules.create_schedule(session, me().id, **form.given())
        )
        if made is not None:
            flash("The report will be sent.", "success")
            return redirect(url_for("schedules.listing"))
    return _form(form)


@pages.route("/reports/schedules/<int:schedule_id>/edit", methods=["GET", "POST"])
@permission_required(NEEDS)
def edit(schedule_id: int) -> ResponseReturnValue:
    """Change what is sent, when and to whom."""
    found = _get(schedule_id)
    form = ScheduleForm(found)
    form.prepare()

    def save(session: Session) -> ReportSchedule:
        form.require_unchanged(session, found)
        return report_schedules.update_schedule(session, found, me().id, **form.given())

    if request.method == "POST" and attempt(form, save) is not None:
        flash("Saved.", "success")
        return redirect(url_for("schedules.listing"))
    return _form(form, schedule_id)


@pages.route("/reports/schedules/<int:schedule_id>/delete", methods=["GET", "POST"])
@permission_required(NEEDS)
def delete(schedule_id: int) -> ResponseReturnValue:
    """Send it no more."""
    found = _get(schedule_id)
    return ask_and_delete(
        lambda session: report_schedules.delete_schedule(session, _get(schedule_id), me().id),
        what=f"the schedule of {ABOUT[found.report][0].lower()}",
        lead="The report is not sent any more. What was sent stays where it is.",
        back=url_for("schedules.edit", schedule_id=schedule_id),
        then=url_for("schedules.listing"),
        crumbs=[("Reports", url_for("reports.choose")), ("By e-mail", url_for("schedules.listing"))],
    )


def _every() -> bool:
    return me().role == Role.ADMIN


def _get(schedule_id: int) -> ReportSchedule:
    return report_schedules.find(db.session(), schedule_id, me().id, every=_every())


def _form(form: ScheduleForm, schedule_id: int | None = None) -> ResponseReturnValue:
    page = render_template("schedules/form.html", form=form, schedule_id=schedule_id)
    return page, 422 if form.problems else 200
