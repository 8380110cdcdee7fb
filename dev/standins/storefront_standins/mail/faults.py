"""How an email service can fail."""

from pydantic import Field

from storefront_standins.faults import Faults


class MailFaults(Faults):
    """Faults of a submission by SMTP. `failRate` is a temporary failure (451), before anything is done."""

    reject_rate: float = Field(default=0.0, ge=0, le=1)
    """Mails refused for good (550)."""
    drop_after_effect_rate: float = Field(default=0.0, ge=0, le=1)
    """Mails that are taken, whereupon the connection ends without an answer."""
