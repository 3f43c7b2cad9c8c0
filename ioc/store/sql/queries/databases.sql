-- make --
-- {name} is put in as an identifier, since no statement takes a database's name as a value.
CREATE DATABASE {name};

-- drop --
-- Whoever is still connected is sent away.
DROP DATABASE IF EXISTS {name} WITH (FORCE);
