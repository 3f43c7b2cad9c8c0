-- The ISA-18.2 state of each alarm, derived from its independent fields.
DROP VIEW IF EXISTS alarm_state;
CREATE VIEW alarm_state AS
SELECT a.id,
    CASE
        WHEN a.suppression = 'shelved' THEN 'G'
        WHEN a.suppression = 'by_design' THEN 'H'
        WHEN a.suppression = 'out_of_service' THEN 'I'
        WHEN a.closed_at IS NOT NULL THEN 'A'
        WHEN a.condition <> 'false' THEN CASE WHEN a.acked_at IS NULL THEN 'B' ELSE 'C' END
        WHEN a.latched THEN CASE WHEN a.acked_at IS NULL THEN 'E' ELSE 'F' END
        WHEN a.acked_at IS NULL THEN 'D'
        ELSE 'A'
    END AS isa
FROM alarm a;
