-- earlier --
-- Messages about an alarm that people got, oldest first.
SELECT identifier, msg_type, status, sent FROM cap_message WHERE alarm_id = %(alarm)s AND status = %(status)s AND scope = %(scope)s ORDER BY id;

-- put --
-- One message as it was confirmed by a person.
INSERT INTO cap_message (identifier, alarm_id, msg_type, status, scope, sent, refs, xml, by)
VALUES (%(identifier)s, %(alarm)s, %(msg_type)s, %(status)s, %(scope)s, %(sent)s, %(refs)s, %(xml)s, %(by)s);

-- all --
-- What was issued, newest first.
SELECT identifier, alarm_id, msg_type, status, scope, sent, by, xml FROM cap_message ORDER BY id DESC LIMIT %(most)s;
