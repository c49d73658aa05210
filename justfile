# Each recipe is a step of .ci/run, so that what passes here passes there.

# What there is.
default:
    @just --list --unsorted

# The shipped example: a signed component, one access allowed, one denied, and why.
demo:
    .ci/run demo

# All tests.
test:
    .ci/run test

# Formatting, as CI wants it (`cargo fmt --all` mends it).
fmt:
    .ci/run fmt

# Lints.
clippy:
    .ci/run clippy

# The documentation, without a warning.
doc:
    .ci/run doc

# The generated wrappers are those which wit/mediation.toml gives (`cargo xtask mediation` writes them).
mediation:
    .ci/run mediation

# Build the Rust guests anew and run the tests on them.
guests:
    .ci/run guests

# Build the guests in C, JavaScript, Python and AssemblyScript and run their tests.
guests-polyglot:
    .ci/run polyglot

# Compare with the bare library.
bench:
    .ci/run bench

# The tests with very many random cases, and the oracle of revocation for a minute each way.
soak:
    .ci/run soak

# Look for inputs that a promise breaks on, for TIME (60, 5m, 2h); the targets: `fuzz/run`.
fuzz TARGET TIME="60":
    fuzz/run {{TARGET}} {{TIME}}

# Licences, sources and bans of all dependencies.
deny:
    .ci/run deny

# What the command line tool is made of, as CycloneDX.
sbom:
    .ci/run sbom

# Take checks out one by one, and say which no test has missed: rows of the mediation table, gate, leases, identity.
removed *ONLY:
    cargo xtask removed {{ONLY}}

# Two release builds in two folders, compared: 20 minutes.
reproduce:
    .ci/run reproduce

# Everything that must pass.
ci:
    .ci/run
