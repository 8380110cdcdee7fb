"""What the stand-ins' own JSON bodies have in common. (The payment sandbox speaks Stripe's dialect instead.)"""

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel


class Model(BaseModel):
    """A JSON body in camelCase; a field that is not known is an error."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, extra="forbid")
