"""User tasks: who may do them, taking and handing over, forms, completing, and talking about them."""

from app.engine.user_tasks.assignments import claim, delegate, delegates, release
from app.engine.user_tasks.comments import comment, comments, list_comments
from app.engine.user_tasks.finding import VerbMatch, element_of, for_verb, get, open_for_subject
from app.engine.user_tasks.rights import (
    AlreadyDone,
    NotYours,
    acting_as,
    may_act,
    may_claim,
    may_delegate,
    may_release,
    may_see,
)
from app.engine.user_tasks.submissions import (
    Completion,
    InvalidSubmission,
    StoreUploads,
    TakeFiles,
    complete,
    form_for,
    start_form,
    submit,
)

__all__ = [
    "AlreadyDone",
    "Completion",
    "InvalidSubmission",
    "NotYours",
    "StoreUploads",
    "TakeFiles",
    "VerbMatch",
    "acting_as",
    "claim",
    "comment",
    "comments",
    "complete",
    "delegate",
    "delegates",
    "element_of",
    "for_verb",
    "form_for",
    "get",
    "list_comments",
    "may_act",
    "may_claim",
    "may_delegate",
    "may_release",
    "may_see",
    "open_for_subject",
    "release",
    "start_form",
    "submit",
]
