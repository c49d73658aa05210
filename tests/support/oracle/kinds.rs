//! The kinds of handles, what each is permitted by, and which sets of policies come in turn.

use airssys_osl::ActionId;
use airssys_wasm::policy::Source;

/// One kind of handle.
pub(crate) struct Kind {
    pub(crate) name: &'static str,
    /// Its effects are those decided by this action.
    pub(crate) action: ActionId,
    /// The import whose every effect shows in the world, if there is one.
    pub(crate) shows: &'static str,
    pub(crate) permit: &'static str,
}

/// In the order of the guest's table.
pub(crate) const KINDS: [Kind; 8] = [
    Kind {
        name: "read",
        action: ActionId::FsRead,
        shows: "descriptor.read",
        permit: "permit (principal, action == Action::\"fs:read\", resource in Path::\"/data/read\");",
    },
    Kind {
        name: "write",
        action: ActionId::FsWrite,
        shows: "descriptor.write",
        permit: "permit (principal, action == Action::\"fs:write\", resource in Path::\"/data/write\");",
    },
    Kind {
        name: "append",
        action: ActionId::FsWrite,
        shows: "output-stream.write",
        permit: "permit (principal, action == Action::\"fs:write\", resource in Path::\"/data/append\");",
    },
    Kind {
        name: "list",
        action: ActionId::FsList,
        shows: "read-directory-entry",
        permit: "permit (principal, action == Action::\"fs:list\", resource in Path::\"/data/list\");",
    },
    Kind {
        name: "connect",
        action: ActionId::NetConnect,
        shows: "output-stream.write",
        permit: "permit (principal, action == Action::\"net:connect\", resource is Endpoint);",
    },
    Kind {
        name: "accept",
        action: ActionId::NetListen,
        shows: "tcp-socket.accept",
        permit: "permit (principal, action in [Action::\"net:listen\", Action::\"net:accept\"], resource is Endpoint);",
    },
    Kind {
        name: "send",
        action: ActionId::NetSend,
        shows: "outgoing-datagram-stream.send",
        permit: "permit (principal, action == Action::\"net:send\", resource is Endpoint);",
    },
    Kind {
        name: "wait",
        action: ActionId::ClockSleep,
        shows: "subscribe-duration",
        permit: "permit (principal, action == Action::\"clock:sleep\", resource);",
    },
];

/// What is permitted for ever: to bind, and to see that there is a mount.
const ALWAYS: &str = "permit (principal, action == Action::\"net:bind\", resource is Endpoint);
    permit (principal, action == Action::\"fs:stat\", resource == Path::\"/data/seen\");";

/// Which kinds are permitted: a bit for each.
pub(crate) type Set = u8;
pub(crate) const ALL: Set = 0xff;
pub(crate) const NONE: Set = 0;

/// The sets that come in turn: all, none, and halves.
pub(crate) const TURNS: [Set; 10] = [NONE, ALL, 0x55, 0xaa, NONE, 0x0f, 0xf0, NONE, ALL, 0x3c];

pub(crate) fn permits(set: Set, kind: usize) -> bool {
    set & (1 << kind) != 0
}

pub(crate) fn policies(set: Set) -> Source {
    let permits = KINDS.iter().enumerate().filter(|(kind, _)| permits(set, *kind));
    let text: Vec<_> = permits.map(|(_, kind)| kind.permit).chain([ALWAYS]).collect();
    Source::new("oracle.cedar", text.join("\n"))
}
