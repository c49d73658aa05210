//! What the project has decided, as data. A new row needs a reason that convinces a reviewer.

/// A module directly under `src/`, and the layers it stands on.
///
/// What a layer stands on, its own supports stand on too: `cli` may name all that `embed` may.
pub(crate) struct Layer {
    /// The module's name.
    pub(crate) name: &'static str,
    /// Modules that it may name.
    pub(crate) on: &'static [&'static str],
}

/// Directions between the modules of the root package.
pub(crate) const LAYERS: &[Layer] = &[
    Layer { name: "cli", on: &["serve", "embed"] },
    Layer { name: "serve", on: &["actor", "embed"] },
    Layer { name: "embed", on: &["actor", "registry", "host"] },
    Layer { name: "actor", on: &["host"] },
    Layer { name: "registry", on: &["identity"] },
    Layer { name: "host", on: &["kernel"] },
    Layer { name: "kernel", on: &["policy", "identity", "audit"] },
    Layer { name: "policy", on: &["identity"] },
    Layer { name: "identity", on: &[] },
    Layer { name: "audit", on: &[] },
];

/// Names with which one can do harm, and the only places that may say them.
///
/// A name is a path; `wasmtime*` stands for each crate so beginning, `*::Linker` for that word anywhere in a path.
pub(crate) struct Owner {
    /// What is owned.
    pub(crate) names: &'static [&'static str],
    /// Beneath an owned name, what anybody may say.
    pub(crate) except: &'static [&'static str],
    /// Files, or directories with a slash at the end.
    pub(crate) homes: &'static [Home],
    /// Why there is an owner at all.
    pub(crate) reason: &'static str,
    /// Whether unit tests (`#[cfg(test)]`) may say it anywhere.
    pub(crate) tests_may: bool,
}

/// One place, and why it is among the owners.
pub(crate) struct Home(pub(crate) &'static str, pub(crate) &'static str);

/// Where ambient authority may be taken. clippy.toml forbids the same by call, this table by name.
const AMBIENT: &[Home] = &[
    Home("crates/airssys-osl/src/", "every effect is here, behind a permit or in `host_files`"),
    Home("src/audit/file.rs", "holds the log open and locked, from before the first effect"),
    Home("xtask/src/", "writes generated sources; never part of the product"),
];

/// One owner for each hazard.
pub(crate) const OWNERS: &[Owner] = &[
    Owner {
        names: &["cedar_policy*"],
        except: &[],
        homes: &[Home("src/policy/", "decides")],
        reason: "one module asks Cedar, so that an error in a policy is a denial everywhere",
        tests_may: false,
    },
    Owner {
        names: &["ed25519_dalek", "ssh_key"],
        except: &[],
        homes: &[Home("src/identity/", "verifies")],
        reason: "one module does cryptography with keys",
        tests_may: false,
    },
    Owner {
        names: &["wasmtime*"],
        except: &[],
        homes: &[
            Home("src/kernel/", "engine, store, linker"),
            Home("src/host/", "host functions"),
            Home("src/embed/", "values and typed calls"),
        ],
        reason: "policy, identity and audit are judged without a runtime in mind, and osl and rt know no wasm",
        tests_may: false,
    },
    Owner {
        names: &["*::Linker"],
        except: &[],
        homes: &[Home("src/kernel/imports.rs", "links what has a row in the mediation table")],
        reason: "a function that is not in the mediation table cannot be linked",
        tests_may: false,
    },
    Owner {
        names: &["*::spawn_blocking", "*::block_in_place"],
        except: &[],
        homes: &[
            Home("src/host/wasi/pool.rs", "bounds what an instance has there"),
            Home("crates/airssys-osl/src/net/names.rs", "looks names up, a bounded number for each session"),
            Home("src/embed/runtime.rs", "verifies and compiles, when the embedder asks"),
            Home(
                "src/serve/system/written.rs",
                "reads the configuration's files, and changes policies, on an operator's word",
            ),
            Home(
                "src/embed/revocation.rs",
                "waits for an unloaded instance's effects, when the embedder asks",
            ),
        ],
        reason: "a guest must not be able to occupy the blocking pool: its work goes through `host::wasi::pool`",
        tests_may: true,
    },
    Owner {
        names: &["cap_fs_ext", "cap_primitives", "cap_std", "libc", "rustix", "windows_sys"],
        except: &[],
        homes: &[
            Home("crates/airssys-osl/src/", "system calls by platform"),
            Home("src/audit/file.rs", "flags for opening the log; makes no call of its own"),
        ],
        reason: "system calls stand in one crate",
        tests_may: true,
    },
    Owner {
        names: &[
            "std::fs",
            "std::net",
            "std::process",
            "std::env",
            "std::os::unix::fs",
            "std::os::unix::net",
            "std::os::unix::process",
            "std::os::windows::fs",
            "tokio::fs",
            "tokio::net",
            "tokio::process",
            "tokio::signal",
            "tempfile",
        ],
        except: &[
            "std::process::ExitCode",
            "std::process::Termination",
            "std::net::IpAddr",
            "std::net::Ipv4Addr",
            "std::net::Ipv6Addr",
            "std::net::SocketAddr",
            "std::net::SocketAddrV6",
        ],
        homes: AMBIENT,
        reason: "files, addresses, processes and settings are reached through a decision",
        tests_may: true,
    },
    Owner {
        names: &["clippy::disallowed_methods", "clippy::disallowed_types"],
        except: &[],
        homes: AMBIENT,
        reason: "who lifts the lint takes ambient authority, through a method that no path names",
        tests_may: true,
    },
    Owner {
        names: &["clippy::unwrap_used", "clippy::expect_used", "clippy::panic"],
        except: &[],
        homes: &[],
        reason: "a guest must not be able to end the host",
        tests_may: true,
    },
    Owner {
        names: &["clippy::indexing_slicing"],
        except: &[],
        homes: &[Home("xtask/src/", "wit-parser's ids index the arenas they came from; no guest is near")],
        reason: "a guest must not be able to end the host",
        tests_may: true,
    },
    Owner {
        names: &["axum", "hyper*", "prometheus_client"],
        except: &[],
        homes: &[Home("src/serve/", "speaks to operators and to whoever watches the process")],
        reason: "one layer speaks HTTP for the host, and no guest's bytes come near it",
        tests_may: false,
    },
    Owner {
        names: &["notify"],
        except: &[],
        homes: &[Home("crates/airssys-osl/src/host_watch/", "files of the host that change")],
        reason: "what a file is found to be is decided by looking at it, not by what the system told of it",
        tests_may: false,
    },
    Owner {
        names: &["opentelemetry*", "tracing_opentelemetry"],
        except: &[],
        homes: &[Home("src/serve/telemetry.rs", "sends traces to who collects them")],
        reason: "what makes spans knows nothing of who is told of them",
        tests_may: false,
    },
    Owner {
        names: &["airssys_rt"],
        except: &[],
        homes: &[
            Home("src/actor/", "components as actors"),
            Home("src/embed/live.rs", "the address of an instance"),
            Home("src/embed/runtime.rs", "the system they live in"),
            Home("src/embed/named/", "who has a name, and who starts it again"),
            Home("src/embed/mod.rs", "the words of supervision, for hosts"),
            Home("src/embed/state.rs", "marks that only go up, and mailboxes on disk"),
            Home("crates/airssys-osl/src/post/", "messages that outlive the process"),
        ],
        reason: "actors are a thin layer: host, kernel and what is below know nothing of them",
        tests_may: false,
    },
];

/// A type that proves something, and the one file in which it is made.
pub(crate) struct Mint {
    /// The type.
    pub(crate) proof: &'static str,
    /// Where its struct literal stands.
    pub(crate) file: &'static str,
}

/// Proofs and where they are minted.
pub(crate) const MINTS: &[Mint] = &[
    Mint { proof: "Permit", file: "crates/airssys-osl/src/gate/permit.rs" },
    Mint { proof: "Allowed", file: "crates/airssys-osl/src/gate/session.rs" },
    Mint { proof: "VerifiedComponent", file: "src/identity/verify.rs" },
    Mint { proof: "AuthenticCode", file: "src/kernel/authentic.rs" },
];

/// The modules that may hold unsafe code.
pub(crate) const UNSAFE: &[&str] = &["crates/airssys-osl/src/mapped.rs", "src/kernel/authentic.rs"];

/// Files that are written by a generator, and measured there.
pub(crate) const GENERATED: &[&str] = &[
    "src/host/wasi/generated.rs",
    "tests/guests/probe-actor/src/probe_actor.rs",
    "tests/guests/probe-callee/src/probe_callee.rs",
    "tests/guests/probe-caller/src/probe_caller.rs",
    "tests/guests/probe-poller/src/probe_poller.rs",
    "tests/guests/probe-process/src/process.rs",
];

/// Lines in a file, at most.
pub(crate) const FILE_LINES: usize = 500;

/// Lines in a function from `fn` to its closing brace, at most.
pub(crate) const FUNCTION_LINES: usize = 40;

/// Lines in nine functions out of ten, at most.
pub(crate) const FUNCTION_P90: usize = 25;

/// Functions that may be longer, as (`file`, `function`, reason).
pub(crate) const LONG_FUNCTIONS: &[(&str, &str, &str)] = &[];
