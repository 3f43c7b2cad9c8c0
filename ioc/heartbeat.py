"""[watchdog] of city.toml -> the one rule of kind `heartbeat`: an alarm that always stands and is mailed regularly."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

from ioc.config.rules import Rule

if TYPE_CHECKING:
    from ioc.config.folder import CityFolder

KEY = "ioc.test_alarm"


def rule(folder: CityFolder) -> Rule | None:
    """None where the city names no mailbox for it, or one that is not in contacts.toml."""
    watchdog = folder.city.watchdog
    if watchdog.contact is None or watchdog.contact not in folder.contacts:
        return None
    return Rule.model_validate(
        {
            "key": KEY, "kind": "heartbeat", "options": {"contact": watchdog.contact}, "realarm": watchdog.every,
            "name": {"en": "Test of the alarm path", "vi": "Thử đường báo động", "lo": "ທົດສອບເສັ້ນທາງການເຕືອນ"},
            "cause": {"en": "It always stands: this is a test.", "vi": "Luôn bật: đây là báo động thử.",
                      "lo": "ເປີດຢູ່ສະເໝີ: ນີ້ແມ່ນການທົດສອບ."},
            "consequence": {"en": "When these mails stop, alarms may not arrive either.",
                            "vi": "Nếu thư này ngừng, báo động thật cũng có thể không đến.",
                            "lo": "ຖ້າເມວນີ້ຢຸດ, ການເຕືອນແທ້ກໍອາດບໍ່ຮອດ."},
            "action": {"en": "None. Where they stop, see the status page.",
                       "vi": "Không. Nếu ngừng, xem trang trạng thái.", "lo": "ບໍ່ມີ. ຖ້າຢຸດ, ເບິ່ງໜ້າສະຖານະ."},
            "respond_within": watchdog.every, "owner": "IOC", "review_by": date.max, "family": "ioc",
        }
    )  # fmt: skip
