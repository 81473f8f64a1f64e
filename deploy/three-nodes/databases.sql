-- One database for each service, so that any may later move to a server of its own.
-- Say it as PostgreSQL's administrator:  psql -f databases.sql -v password="'…'"
CREATE ROLE nacre LOGIN PASSWORD :password;
CREATE DATABASE nacre_identity OWNER nacre;
CREATE DATABASE nacre_placement OWNER nacre;
CREATE DATABASE nacre_image OWNER nacre;
CREATE DATABASE nacre_network OWNER nacre;
CREATE DATABASE nacre_compute OWNER nacre;
