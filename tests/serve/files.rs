//! Files that change beneath a server.
