"""Settings as records: frozen, strict about names, and with one line for what is wrong in them."""

from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from r1bench.harness.errors import UsageError, quoted

Positive = Annotated[int, Field(ge=1)]
NotNegative = Annotated[float, Field(ge=0)]
Count = Annotated[int, Field(ge=0)]


class Part(BaseModel):
    """Frozen, and strict about names: a misspelt key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


def first_reason(error: ValidationError) -> str:
    """The first complaint of pydantic in one line, with the key it is about."""
    detail = error.errors()[0]
    key = ".".join(str(part) for part in detail["loc"] if part not in ("grpo", "sft", "reward_model"))
    given = "" if detail["type"] in ("missing", "value_error") else f" (given: {quoted(detail['input'])})"
    return f"{f'{key:.200}: ' if key else ''}{detail['msg']:.500}{given}"


Settings = TypeVar("Settings", bound=Part)


def checked(kind: type[Settings], values: dict[str, Any], what: str) -> Settings:
    """The values as a record. Raises UsageError that names the first key that is wrong."""
    try:
        return kind.model_validate(values)
    except ValidationError as error:
        raise UsageError(f"{what}: {first_reason(error)}; correct the recipe or the --set option") from error
