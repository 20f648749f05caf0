//! Test doubles: scripted model server, fake app-server.
