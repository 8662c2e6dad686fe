CREATE TABLE entries (
    id bigserial PRIMARY KEY,
    name text NOT NULL,
    message text NOT NULL
);

INSERT INTO entries (name, message) VALUES ('The innkeeper', 'Welcome! Leave a line before you go.');
