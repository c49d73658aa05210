//! From the call that takes permissions back to the last dead handle, at 1, 1,000 and 10,000 open handles.
//!
//! Each handle is one that somebody waits on; it is dead when its wait has ended. Connections, of which one session has
//! 256 at most, are dead when the call returns.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "a benchmark"
)]

use airssys_osl::action::ClockSleep;
use airssys_osl::net::{Connection, NetLimits, Network};
use airssys_osl::{Clock, Gate, Principal, Session, Subject, clock};
use airssys_wasm::audit::Log;
use airssys_wasm::policy::{CedarAuthorizer, Policies, Source};
use criterion::{BatchSize, BenchmarkId, Criterion, criterion_group, criterion_main};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use tokio::runtime::Runtime;
use tokio::task::JoinSet;

const IMPORT: &str = "wasi:clocks/monotonic-clock#subscribe-duration";
const ALL: &str = "permit (principal, action, resource);";
const AN_HOUR: u64 = 3_600_000_000_000;
/// Few enough for no session's quota of denials to be used up.
const HANDLES_OF_ONE: usize = 1_000;

struct World {
    authorizer: Arc<CedarAuthorizer>,
    gate: Arc<Gate>,
    sessions: Vec<Arc<Session>>,
    waits: JoinSet<()>,
}

fn policies(text: &str) -> Policies {
    Policies::load(&[Source::new("bench.cedar", text)], &[]).unwrap()
}

fn principal() -> Principal {
    Principal {
        name: "acme/thumb".to_owned(),
        publisher: "acme".to_owned(),
        digest: "5a".repeat(32),
        version: (1, 2, 3),
        release: 7,
        dev: false,
        // Everybody else is forbidden to reach this host itself.
        groups: vec!["inner-network".to_owned()],
    }
}

/// So many waits, each on a handle of its own.
fn world(runtime: &Runtime, handles: usize) -> World {
    let authorizer = Arc::new(CedarAuthorizer::new(policies(ALL)));
    let log = Arc::new(Log::builder().build().unwrap());
    let gate = Gate::new(Arc::clone(&authorizer) as _, log);
    let (mut sessions, mut waits) = (Vec::new(), JoinSet::new());
    for first in (0..handles).step_by(HANDLES_OF_ONE) {
        let session = gate.session(Subject::new(principal(), first as u64));
        for _ in first..handles.min(first + HANDLES_OF_ONE) {
            let permit = session.authorize::<ClockSleep>(Clock::Monotonic, IMPORT).unwrap();
            let timer = clock::Sleeper::new(permit).after(AN_HOUR, IMPORT).unwrap();
            waits.spawn_on(async move { timer.over().await }, runtime.handle());
        }
        sessions.push(session);
    }
    // Until all of them wait.
    std::thread::sleep(std::time::Duration::from_millis(20 + handles as u64 / 100));
    World { authorizer, gate, sessions, waits }
}

fn all_dead(runtime: &Runtime, mut world: World) {
    runtime.block_on(async { while world.waits.join_next().await.is_some() {} });
}

fn revocation(criterion: &mut Criterion) {
    let runtime = Runtime::new().unwrap();
    for (name, take_back) in [("revoke", revoke as fn(&World)), ("swap", swap)] {
        let mut group = criterion.benchmark_group(name);
        group.sample_size(20);
        for handles in [1_usize, 1_000, 10_000] {
            let done = |world: World| {
                take_back(&world);
                all_dead(&runtime, world);
            };
            group.bench_function(BenchmarkId::from_parameter(handles), |bencher| {
                bencher.iter_batched(|| world(&runtime, handles), done, BatchSize::PerIteration);
            });
        }
    }
}

/// So many connections of one session, and who is on their other side.
struct Connected {
    world: World,
    connections: Vec<Connection>,
    _peers: Vec<TcpStream>,
}

fn connected(runtime: &Runtime, handles: usize) -> Connected {
    let mut world = world(runtime, 0);
    let session = world.gate.session(Subject::new(principal(), 0));
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let (there, network) = (listener.local_addr().unwrap(), Network::new(&session, NetLimits::default()));
    let (mut connections, mut peers) = (Vec::new(), Vec::new());
    for _ in 0..handles {
        connections.push(runtime.block_on(network.connect(there, IMPORT)).unwrap());
        peers.push(listener.accept().unwrap().0);
    }
    world.sessions.push(session);
    Connected { world, connections, _peers: peers }
}

fn connections(criterion: &mut Criterion) {
    let runtime = Runtime::new().unwrap();
    for (name, take_back) in [("revoke connections", revoke as fn(&World)), ("swap connections", swap)] {
        let mut group = criterion.benchmark_group(name);
        group.sample_size(20);
        for handles in [1_usize, 256] {
            let done = |connected: Connected| {
                take_back(&connected.world);
                connected
            };
            group.bench_function(BenchmarkId::from_parameter(handles), |bencher| {
                bencher.iter_batched(|| connected(&runtime, handles), done, BatchSize::PerIteration);
            });
            let connected = done(connected(&runtime, handles));
            let dead = |connection: &Connection| connection.writer.budget(IMPORT).is_err();
            assert!(connected.connections.iter().all(dead));
        }
    }
}

fn revoke(world: &World) {
    world.sessions.iter().for_each(|session| session.end());
}

fn swap(world: &World) {
    let epoch = world.authorizer.swap(policies(""));
    world.gate.policies_changed(epoch - 1);
}

criterion_group!(benches, revocation, connections);
criterion_main!(benches);
