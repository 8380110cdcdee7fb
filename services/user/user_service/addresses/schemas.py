"""What the address book's API takes and gives."""

from typing import Annotated, Self
from uuid import UUID

from pydantic import AfterValidator, BeforeValidator, Field, model_validator
from storefront_common.schemas import EMPTY_IS_ABSENT, Model, Name

from user_service.addresses.countries import COUNTRIES, is_postal_code


def _capitals(value: object) -> object:
    # `ß` would become two letters.
    return value.upper() if isinstance(value, str) and value.isascii() else value


def _known(country: str) -> str:
    if country not in COUNTRIES:
        raise ValueError("must be a country's two letters as in ISO 3166-1, such as DE or FR")
    return country


Country = Annotated[str, Field(pattern=r"^[A-Z]{2}$"), AfterValidator(_known), BeforeValidator(_capitals)]
PostalCode = Annotated[str, Field(min_length=1, max_length=16), BeforeValidator(_capitals)]


class AddressDraft(Model):
    """An address as it is added, or as it is after a change: addresses are replaced as a whole."""

    name: Name
    """Who receives the parcel."""
    line1: Name
    line2: Annotated[Name | None, EMPTY_IS_ABSENT] = None
    postal_code: PostalCode
    city: Name
    country: Country
    is_default: bool = False
    """Whether parcels go here unless said otherwise. The first address is the default in any case."""

    @model_validator(mode="after")
    def _postal_code_fits(self) -> Self:
        if not is_postal_code(self.postal_code, self.country):
            raise ValueError(
                f"postalCode: {self.postal_code} does not look like a postal code of {self.country}"
            )
        return self


class AddressView(Model):
    """An address as its owner sees it."""

    id: UUID
    name: str
    line1: str
    line2: str | None
    postal_code: str
    city: str
    country: str
    is_default: bool
    version: int


class AddressList(Model):
    """All addresses of a person: the default first, then from new to old."""

    items: list[AddressView]
