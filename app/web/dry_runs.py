"""The Studio's dry run: one's own draft with its real forms, as anybody, in a small factory in memory.

All there is of a dry run travels in its page: the steps done so far. Each request goes through them from
the beginning, by the saved draft as it is now.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from flask import Blueprint, render_template, request
from flask.typing import ResponseReturnValue
from markupsafe import Markup

from app.database import unit_of_work
from app.engine import drafts
from app.engine.diagram import Outcome
from app.engine.drafts import Draft
from app.engine.forms import TaskForm
from app.engine.scenario_files import Scenario, ScenarioError, scenario_of
from app.engine.user_tasks import InvalidSubmission
from app.errors import BusinessError, MillwrightError, NotFound
from app.extensions import db
from app.processes import publishing
from app.processes.scenarios import DryRun, Given, NotRunnable, choices_of, rehearse, run_scenarios
from app.processes.scenarios.allowance import Allowance
from app.processes.scenarios.keeping import keep
from app.processes.scenarios.running import failure
from app.processes.scenarios.standing import OpenTask, Standing
from app.processes.scenarios.stepping import PARTS, WORK
from app.processes.scenarios.telling import duration
from app.web import dry_run_words as words
from app.web.engine import engine
from app.web.people import current_actor, permission_required

pages = Blueprint("dry_runs", __name__)

DEPLOY = "processes:deploy"
DOCUMENT = "_dry_run"
PARTS_OF_STORY = ("given", "start", "steps")
EDITS = ("_add", "_remove", "_update")  # buttons inside a form that change its rows and send nothing
UNITS = {"minutes": "PT{}M", "hours": "PT{}H", "days": "P{}D"}
PAYLOAD = "_payload."
SECOND = timedelta(seconds=1)


@pages.route("/studio/<key>/dry-run", methods=["GET", "POST"])
@permission_required(DEPLOY)
def show(key: str) -> ResponseReturnValue:
    """Begin a dry run, or go on with the one that the page holds."""
    draft = drafts.open_draft(db.session(), key, current_actor())
    if not draft.is_saved and draft.base is None:
        raise NotFound(f"There is neither a process named {key} nor a draft of it.")
    db.session().rollback()
    page = _Page(draft)
    begins = request.method == "GET" or request.form.get("_do") == "start"
    try:
        return page.begin() if begins else page.go_on(_story(key))
    except NotRunnable as error:
        return page.cannot_run(str(error)), 422


def _story(key: str) -> Scenario:
    """The story that the page holds: whoever sent it may have written anything into it.

    :raises BusinessError: BAD_STEPS
    """
    try:
        document = json.loads(request.form.get(DOCUMENT, ""), parse_constant=_no_number)
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict) or set(document) - set(PARTS_OF_STORY):
        raise BusinessError("BAD_STEPS", "The steps of this dry run cannot be read. Begin it again.")
    try:
        story = scenario_of({"name": "Dry run", **document})
    except ScenarioError as error:
        raise BusinessError("BAD_STEPS", f"The steps of this dry run cannot be read. {error}") from None
    if story.start["process"] != key:
        raise BusinessError("BAD_STEPS", "These are the steps of another process.")
    return story


def _no_number(text: str) -> Any:
    raise ValueError(f"{text} is no number of JSON")


@dataclass(frozen=True, slots=True)
class Opened:
    """The form that is open: the task it is of, whose turn it is, and what it looks like."""

    task: OpenTask
    by: str
    html: Markup
    outcomes: tuple[Outcome, ...]


class _Page:
    """One request for the page of a dry run."""

    def __init__(self, draft: Draft) -> None:
        self.draft = draft
        self.key = draft.key
        self.files = drafts.as_bytes(draft.files)
        self.name = draft.base.name if draft.base else draft.key
        self.status = 200
        # Why the last action was refused, and what is wrong with the name of a scenario.
        self.refusal = ""
        self.name_problem = ""
        self.kept = ""
        self.kept_failures: list[str] = []

    def cannot_run(self, why: str) -> str:
        """The draft does not run: why, and what the checks say."""
        problems = publishing.problems_of(engine(), db.session(), self.key, self.files)
        errors = [problem for problem in problems if problem.is_error]
        return render_template("studio/dry_run_broken.html", page=self, why=why, errors=errors)

    # -- beginning ---------------------------------------------------------------------------------

    def begin(self) -> ResponseReturnValue:
        """Ask who begins it and what is given; with the start form that was sent, begin."""
        choices = choices_of(self.key, self.files)
        wanted = request.form.get("_given", "") or request.args.get("given", "")
        given = next((each for each in choices if each.name == wanted), choices[0])
        try:
            with rehearse(engine(), self.key, self.files, given.given) as dry:
                answer = self._begin(dry, choices, given)
        except ScenarioError as error:
            raise NotRunnable(f"What is given in “{given.name}” cannot be understood. {error}") from None
        return self._show(answer) if isinstance(answer, Scenario) else answer

    def _begin(self, dry: DryRun, choices: list[Given], given: Given) -> ResponseReturnValue | Scenario:
        people = dry.starters()
        if not people:
            raise NotRunnable("Nobody may start this process: give its start event a role that somebody has.")
        by = request.form.get("_by", "") or request.args.get("by", "")
        by = by if by in people else people[0]

        def ask(form: TaskForm, refusal: str = "") -> str:
            return self._ask(choices, given, people, by, _form_html(form, refusal))

        try:
            if request.method == "GET":
                return ask(dry.start_form(by))
            if any(action in request.form for action in EDITS):
                return ask(dry.start_form(by, **_submission()))
            start = dry.beginning(by, **_submission())
        except NotFound as error:
            raise NotRunnable(f"{error} A dry run begins with a form.") from None
        except InvalidSubmission as error:
            return ask(error.form), 422
        except MillwrightError as error:
            return ask(*_refused(dry.start_form(by, **_submission()), error)), 422
        return scenario_of({"name": "Dry run", "given": given.given, "start": start, "steps": []})

    def _ask(self, choices: list[Given], given: Given, people: list[str], by: str, form_html: Markup) -> str:
        of_parts = self.key == PARTS
        return render_template(
            "studio/dry_run_start.html",
            page=self,
            choices=choices,
            given=given,
            told=words.given(given.given),
            people=[(name, words.person(name)) for name in people],
            by=by,
            form_html=form_html,
            of_parts=of_parts,
            title=WORK if of_parts else "Start",
        )

    # -- going on ----------------------------------------------------------------------------------

    def go_on(self, story: Scenario) -> ResponseReturnValue:
        """Do what was asked for, and show how it stands then."""
        if request.form.get("_do") == "back":
            count = max(0, request.form.get("_back", len(story.steps), type=int))
            story = scenario_of({**_document(story), "name": story.name, "steps": story.steps[:count]})
        return self._show(story)

    def _show(self, story: Scenario) -> ResponseReturnValue:
        keeps = request.form.get("_do") == "keep"
        try:
            with rehearse(engine(), self.key, self.files, story.given, story) as dry:
                opened = None if dry.refusal else self._act(dry)
                standing = dry.standing() if dry.start is not None else None
                done = story if dry.refusal else dry.story()
                ending = dry.ending() if keeps and not dry.refusal else None
        except ScenarioError as error:
            raise BusinessError("BAD_STEPS", f"What is given cannot be understood. {error}") from None
        if ending is not None:
            self._keep(ending)
        return self._render(done, dry, standing, opened), self.status

    def _act(self, dry: DryRun) -> Opened | None:
        """What one of the page's buttons asks for; answers the form that is open then."""
        try:
            match request.form.get("_do"):
                case "open":
                    return self._open(dry)
                case "complete":
                    return self._complete(dry)
                case "wait":
                    dry.go_on({"wait": _length()})
                case "send":
                    dry.go_on({"message": _message()})
                case "stock":
                    dry.go_on({"stock": {"part": request.form.get("_part", ""), "add": _amount("arrive")}})
        except Exception as error:
            self.refusal, self.status = failure(error, self.key), 422
        return None

    def _open(self, dry: DryRun) -> Opened:
        number, by = request.form.get("_task", 0, type=int), request.form.get("_by", "")
        return self._opened(dry, number, by, dry.task_form(number, by)[2])

    def _complete(self, dry: DryRun) -> Opened | None:
        """Do a task with its form; the form again with what was typed where it is refused."""
        number, by = request.form.get("_task", 0, type=int), request.form.get("_by", "")
        if any(action in request.form for action in EDITS):
            return self._opened(dry, number, by, dry.task_form(number, by, **_submission())[2])
        try:
            dry.go_on(dry.doing(number, by, request.form.get("_outcome"), **_submission()))
        except InvalidSubmission as error:
            self.status = 422
            return self._opened(dry, number, by, error.form)
        except MillwrightError as error:
            form, refusal = _refused(dry.task_form(number, by, **_submission())[2], error)
            self.status = 422
            return self._opened(dry, number, by, form, refusal)
        return None

    def _opened(self, dry: DryRun, number: int, by: str, form: TaskForm, refusal: str = "") -> Opened:
        task = next(each for each in dry.standing().tasks if each.id == number)
        _, element, _ = dry.task_form(number, by)
        return Opened(task, by, _form_html(form, refusal, element), element.outcomes)

    def _keep(self, story: Scenario) -> None:
        """Make a scenario of the draft of it, and see whether it passes."""
        revision = request.form.get("_revision", -1, type=int)
        name = request.form.get("_name", "")
        try:
            with unit_of_work(db.session()) as session:
                self.draft = keep(session, self.draft, story, name, by=current_actor(), revision=revision)
        except BusinessError as error:
            self.status = 422
            if error.field == "name":
                self.name_problem = error.message
            else:
                self.refusal = error.message
            return
        except MillwrightError as error:
            self.status, self.refusal = 409, str(error)
            return
        self.kept = " ".join(name.split())
        (result,) = run_scenarios(engine(), self.files, [story], Allowance(10.0, 30.0))
        self.kept_failures = result.failures

    # -- showing -----------------------------------------------------------------------------------

    def _render(self, story: Scenario, dry: DryRun, standing: Standing | None, opened: Opened | None) -> str:
        outcomes = standing.outcomes if standing else {}
        return render_template(
            "studio/dry_run.html",
            page=self,
            document=json.dumps(_document(story)),
            standing=standing,
            opened=opened,
            problem=dry.refusal,
            begun=words.start(story.start),
            steps=[words.step(step, outcomes) for step in story.steps],
            told=words.given(story.given),
            happened=words.happened(standing) if standing else [],
            words=words,
            focus=_focus(standing) if standing else "",
            next_timer=_next_timer(standing) if standing else None,
            typed_name=request.form.get("_name", "") if self.name_problem else "",
        )


def _document(story: Scenario) -> dict[str, Any]:
    return {"given": story.given, "start": story.start, "steps": story.steps}


def _submission() -> dict[str, Any]:
    return {"formdata": request.form, "files": request.files}


def _form_html(form: TaskForm, refusal: str, element: Any = None) -> Markup:
    """A form as it looks at the time that it is in the small factory."""
    takes_files = any(item.type == "filepicker" for item in form.shown)
    html = render_template(
        "studio/dry_run_form.html", form=form, refusal=refusal, element=element, takes_files=takes_files
    )
    return Markup(html)  # noqa: S704  # nosec B704  # of a template, which escapes


def _refused(form: TaskForm, error: MillwrightError) -> tuple[TaskForm, str]:
    """The form with what was typed, and why it was refused: at the field where it names one."""
    if isinstance(error, BusinessError) and error.field:
        form.add_error(error.field, error.message)
        return form, ""
    return form, failure(error) if not isinstance(error, BusinessError) else error.message


def _focus(standing: Standing) -> str:
    """The element that the drawing shows first: what somebody has to do, else where it stands."""
    own = [task.element for task in standing.tasks if task.is_own]
    return next(iter((*own, *standing.own.here)), "")


def _next_timer(standing: Standing) -> str | None:
    """How long it is to the next timer, as a step says it; None where none is waiting."""
    if not standing.timers:
        return None
    left = max(standing.timers[0].due_at - standing.now, timedelta())
    whole = timedelta(seconds=-(-left // SECOND))
    return duration(whole)


def _length() -> str:
    """How much time is to pass: as the button says, or as typed."""
    if text := request.form.get("_length", ""):
        return text
    unit = UNITS.get(request.form.get("_unit", ""))
    if unit is None:
        raise ScenarioError("Choose minutes, hours or days.")
    return unit.format(_amount("pass"))


def _amount(what: str) -> int:
    """The whole number that was typed. Raises :class:`ScenarioError`."""
    text = request.form.get("_amount", "").strip()
    if not (text.isascii() and text.isdigit() and len(text) <= 6 and int(text)):
        raise ScenarioError(f"Say how many {what}: a whole number.")
    return int(text)


def _message() -> dict[str, Any]:
    """The message that a form of the page describes."""
    message: dict[str, Any] = {"name": request.form.get("_message", "")}
    if to := request.form.get("_to", ""):
        message["to"] = to
    if by := request.form.get("_by", ""):
        message["by"] = by
    payload = {
        name.removeprefix(PAYLOAD): value.strip()
        for name, value in request.form.items()
        if name.startswith(PAYLOAD) and value.strip()
    }
    if payload:
        message["payload"] = payload
    return message
