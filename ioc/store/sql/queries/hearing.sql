-- listen --
-- For commits of readings, alarms that moved, and rules to be tested.
LISTEN ioc_change; LISTEN ioc_alarm; LISTEN ioc_rule_test;
