"""Home Assistant's abbreviated discovery keys, those that say what a device measures, spelled out."""

from __future__ import annotations

from typing import Any

from ingest.formats._pieces import rows, text

KEYS = {
    "act_t": "action_topic", "act_tpl": "action_template", "avty": "availability", "avty_mode": "availability_mode",
    "avty_t": "availability_topic", "avty_tpl": "availability_template", "bri_stat_t": "brightness_state_topic",
    "bri_val_tpl": "brightness_value_template", "cmps": "components", "curr_hum_t": "current_humidity_topic",
    "curr_hum_tpl": "current_humidity_template", "curr_temp_t": "current_temperature_topic",
    "curr_temp_tpl": "current_temperature_template", "def_ent_id": "default_entity_id", "dev": "device",
    "dev_cla": "device_class", "ent_cat": "entity_category", "exp_aft": "expire_after",
    "hum_stat_t": "target_humidity_state_topic", "hum_stat_tpl": "target_humidity_state_template",
    "json_attr_t": "json_attributes_topic", "json_attr_tpl": "json_attributes_template",
    "mode_stat_t": "mode_state_topic", "mode_stat_tpl": "mode_state_template", "o": "origin", "obj_id": "object_id",
    "p": "platform", "pct_stat_t": "percentage_state_topic", "pct_val_tpl": "percentage_value_template",
    "pl_avail": "payload_available", "pl_not_avail": "payload_not_available", "pl_off": "payload_off",
    "pl_on": "payload_on", "pos_t": "position_topic", "pos_tpl": "position_template", "schema": "schema",
    "stat_cla": "state_class", "stat_off": "state_off", "stat_on": "state_on", "stat_t": "state_topic",
    "stat_val_tpl": "state_value_template", "t": "topic", "temp_hi_stat_t": "temperature_high_state_topic",
    "temp_hi_stat_tpl": "temperature_high_state_template", "temp_lo_stat_t": "temperature_low_state_topic",
    "temp_lo_stat_tpl": "temperature_low_state_template", "temp_stat_t": "temperature_state_topic",
    "temp_stat_tpl": "temperature_state_template", "uniq_id": "unique_id", "unit_of_meas": "unit_of_measurement",
    "val_tpl": "value_template",
}  # fmt: skip

DEVICE_KEYS = {
    "cns": "connections", "hw": "hw_version", "ids": "identifiers", "mdl": "model", "mdl_id": "model_id",
    "mf": "manufacturer", "sa": "suggested_area", "sn": "serial_number", "sw": "sw_version",
}  # fmt: skip

# (topic, its templates, what is put behind the entity's name)
STATES = (
    ("state_topic", ("value_template", "state_value_template"), ""),
    ("current_temperature_topic", ("current_temperature_template",), "current_temperature"),
    ("temperature_state_topic", ("temperature_state_template",), "temperature"),
    ("temperature_high_state_topic", ("temperature_high_state_template",), "temperature_high"),
    ("temperature_low_state_topic", ("temperature_low_state_template",), "temperature_low"),
    ("current_humidity_topic", ("current_humidity_template",), "current_humidity"),
    ("target_humidity_state_topic", ("target_humidity_state_template",), "target_humidity"),
    ("mode_state_topic", ("mode_state_template",), "mode"),
    ("action_topic", ("action_template",), "action"),
    ("position_topic", ("position_template",), "position"),
    ("brightness_state_topic", ("brightness_value_template",), "brightness"),
    ("percentage_state_topic", ("percentage_value_template",), "percentage"),
)

# Units of device classes whose entity names none, and of the states above.
UNITS = {
    "temperature": "°C", "humidity": "%", "battery": "%", "moisture": "%", "power": "W", "energy": "kWh",
    "voltage": "V", "current": "A", "illuminance": "lux", "signal_strength": "dBm", "carbon_dioxide": "ppm",
    "pm25": "µg/m³", "pm10": "µg/m³", "current_temperature": "°C", "temperature_high": "°C", "temperature_low": "°C",
    "current_humidity": "%", "target_humidity": "%", "position": "%", "percentage": "%",
}  # fmt: skip

_ON_OFF = (("on", "state_on", "payload_on"), ("off", "state_off", "payload_off"))
_OPEN = (("open", "state_open"), ("closed", "state_closed"))
# What says yes and no, and where a config says it otherwise.
SWITCHING = {
    **dict.fromkeys(("binary_sensor", "switch", "light", "fan", "siren", "input_boolean", "humidifier"), _ON_OFF),
    **dict.fromkeys(("cover", "valve"), _OPEN), "lock": (("locked", "state_locked"), ("unlocked", "state_unlocked")),
}  # fmt: skip


def spelled_out(message: dict[str, Any], base: Any = None) -> dict[str, Any]:
    """Keys in full, and `~` at the start or end of topics replaced by the base topic."""
    stem = text(message.get("~")) or text(base)
    found = {KEYS.get(k, k): v for k, v in message.items()}
    if stem:
        for key, value in found.items():
            if isinstance(value, str) and key.endswith("topic"):
                found[key] = _full(value, stem)
        found["availability"] = [
            {k: _full(v, stem) if k in ("t", "topic") and isinstance(v, str) else v for k, v in a.items()}
            for a in rows(found.get("availability"))
        ]
    return found


def _full(topic: str, stem: str) -> str:
    if topic.startswith("~"):
        return stem + topic[1:]
    return topic[:-1] + stem if topic.endswith("~") else topic
