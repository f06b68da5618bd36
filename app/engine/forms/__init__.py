"""Forms of user tasks: form-js schemas, rendered without a script and validated on the server."""

from app.engine.forms.loading import load_schema
from app.engine.forms.paths import add as put
from app.engine.forms.schema import FormField, FormProblem, FormSchema, FormSchemaError
from app.engine.forms.task_form import TaskForm, build_form

__all__ = [
    "FormField",
    "FormProblem",
    "FormSchema",
    "FormSchemaError",
    "TaskForm",
    "build_form",
    "load_schema",
    "put",
]
