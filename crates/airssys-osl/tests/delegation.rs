//! Lending authority: what may not be done by it, and what may.
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test builds its world by hand"
)]

mod lending;

use airssys_osl::action::{ClockRead, ClockSleep, EnvRead, FsRead, FsWrite};
use airssys_osl::fs::{MountOptions, MountSpec, Mounts, OpenOptions};
use airssys_osl::net::{Family, NetError, NetLimits, Network};
use airssys_osl::{
    Accepted, ActionId, BadTerms, Clock, EnvName, GuestPath, LendError, Resource, Session, Terms, Why, clock,
};
use lending::{IMPORT, Says, World, later, path, terms};
use std::sync::Arc;
use std::sync::mpsc;
use std::time::{Duration, Instant};

const AT_LAST: Duration = Duration::from_secs(20);

fn may_read(session: &Arc<Session>, at: &str) -> bool {
    session.authorize::<FsRead>(GuestPath::parse(at).unwrap(), IMPORT).is_ok()
}

/// A lends B `/data` to read, in a world where A alone may read, write, list and look at everything.
fn lent() -> (World, Arc<Session>, Arc<Session>, u64) {
    let world = World::new(|who, _, _| if who == "acme/a" { Says::Permit } else { Says::Nothing });
    let (a, b) = (world.session("acme/a"), world.session("acme/b"));
    let number = world.lend(&a, "acme/b", terms([ActionId::FsRead], path("/data"), 2)).unwrap();
    (world, a, b, number)
}

#[test]
fn nothing_is_lent_before_it_is_accepted_nor_after_it_is_let_go() {
    let (_world, _a, b, number) = lent();
    assert!(!may_read(&b, "/data/x"));
    let accepted = b.accept_lent(number, IMPORT).unwrap();
    assert!(may_read(&b, "/data/x") && may_read(&b, "/data"));
    drop(accepted);
    assert!(!may_read(&b, "/data/x"));
}

#[test]
fn what_was_lent_is_neither_another_action_nor_a_sibling_nor_a_parent_nor_another_kind() {
    let (_world, _a, b, number) = lent();
    let _accepted = b.accept_lent(number, IMPORT).unwrap();
    for sibling in ["/", "/database", "/dat", "/other/data"] {
        assert!(!may_read(&b, sibling), "{sibling}");
    }
    assert!(b.authorize::<FsWrite>(GuestPath::parse("/data/x").unwrap(), IMPORT).is_err());
    assert!(b.authorize::<ClockRead>(Clock::Wall, IMPORT).is_err());
}

#[test]
fn nobody_accepts_what_was_lent_to_another_and_a_wrong_number_answers_alike() {
    let (world, a, b, number) = lent();
    let c = world.session("acme/c");
    for (session, number) in [(&c, number), (&a, number), (&b, number ^ 1), (&b, 0)] {
        assert!(matches!(session.accept_lent(number, IMPORT), Err(LendError::NoSuch)));
    }
    assert!(matches!(b.withdraw(number, IMPORT), Err(LendError::NoSuch)));
    assert!(matches!(c.withdraw(number, IMPORT), Err(LendError::NoSuch)));
    assert!(b.accept_lent(number, IMPORT).is_ok());
}

#[test]
fn nothing_is_lent_without_a_permit_to_lend_nor_to_oneself() {
    let world = World::new(|who, action, _| {
        if who == "acme/a" && action != ActionId::ComponentDelegate { Says::Permit } else { Says::Nothing }
    });
    let a = world.session("acme/a");
    let denied = world.lend(&a, "acme/b", terms([ActionId::FsRead], path("/data"), 0));
    assert!(matches!(denied, Err(LendError::Denied(_))));
    let (_world, a, _b, _) = lent();
    let own = world_lend(&a, "acme/a");
    assert!(matches!(own, Err(LendError::NotAnother)));
}

fn world_lend(lender: &Arc<Session>, to: &str) -> Result<u64, LendError> {
    lending::lend_by(lender, to, terms([ActionId::FsRead], path("/data"), 0))
}

#[test]
fn terms_that_nothing_could_be_done_by_or_that_would_lend_the_lending_are_none() {
    let new = |actions: &[ActionId], kind: &str, id: &str, depth| {
        Terms::new(actions.iter().copied(), Resource::parse(kind, id).unwrap(), later(), depth)
    };
    assert_eq!(new(&[], "Path", "/x", 0), Err(BadTerms::NoAction));
    assert_eq!(new(&[ActionId::ComponentDelegate], "Component", "a/b", 0), Err(BadTerms::Lending));
    assert_eq!(new(&[ActionId::FsRead], "Path", "/x", 9), Err(BadTerms::TooDeep(9)));
    assert!(matches!(new(&[ActionId::FsRead], "Topic", "/x", 0), Err(BadTerms::Unfit { .. })));
    assert!(matches!(
        new(&[ActionId::NetResolve], "Endpoint", "192.0.2.1:1/tcp", 0),
        Err(BadTerms::Unfit { .. })
    ));
    assert!(new(&[ActionId::NetConnect, ActionId::NetResolve], "Host", "example.com", 0).is_ok());
    assert!(new(&[ActionId::ComponentCall, ActionId::MsgSend], "Component", "a/b", 8).is_ok());
}

#[test]
fn a_forbid_on_the_user_stands_whatever_is_lent() {
    let (world, _a, b, number) = lent();
    let _accepted = b.accept_lent(number, IMPORT).unwrap();
    world.swap(|who, _, on| match who {
        "acme/a" => Says::Permit,
        _ if on == "/data/secret" => Says::Forbid,
        _ => Says::Nothing,
    });
    assert!(!may_read(&b, "/data/secret"));
    assert!(may_read(&b, "/data/open"));
    world.swap(|who, _, on| match who {
        "acme/a" => Says::Permit,
        _ if on == "/data/secret" => Says::Fault,
        _ => Says::Nothing,
    });
    assert!(!may_read(&b, "/data/secret"));
}

#[test]
fn the_lender_lends_no_more_than_the_policies_in_force_permit_him() {
    let (world, _a, b, number) = lent();
    let _accepted = b.accept_lent(number, IMPORT).unwrap();
    assert!(may_read(&b, "/data/x"));
    for says in [Says::Nothing, Says::Forbid, Says::Fault] {
        world.swap(move |who, _, _| if who == "acme/a" { says } else { Says::Nothing });
        assert!(!may_read(&b, "/data/x"), "{says:?}");
    }
    world.swap(|who, _, _| if who == "acme/a" { Says::Permit } else { Says::Nothing });
    assert!(may_read(&b, "/data/x"));
}

/// A lends to B, B on to C; C holds it.
fn chain(rule: impl Fn(&str, ActionId, &str) -> Says + Send + Sync + 'static) -> Chain {
    let world = World::new(rule);
    let (a, b, c) = (world.session("acme/a"), world.session("acme/b"), world.session("acme/c"));
    let first = world.lend(&a, "acme/b", terms([ActionId::FsRead], path("/data"), 1)).unwrap();
    let held = b.accept_lent(first, IMPORT).unwrap();
    let second = world.lend_on(&held, "acme/c", terms([ActionId::FsRead], path("/data/in"), 0)).unwrap();
    let accepted = c.accept_lent(second, IMPORT).unwrap();
    Chain { world, a, b, c, first, second, held, accepted }
}

struct Chain {
    world: World,
    a: Arc<Session>,
    b: Arc<Session>,
    c: Arc<Session>,
    first: u64,
    second: u64,
    held: Accepted,
    accepted: Accepted,
}

fn only_a(who: &str, action: ActionId, _: &str) -> Says {
    match (who, action) {
        ("acme/a", _) | (_, ActionId::ComponentDelegate) => Says::Permit,
        _ => Says::Nothing,
    }
}

#[test]
fn a_forbid_or_a_fault_on_a_lender_in_between_stands() {
    let chain = chain(only_a);
    assert!(may_read(&chain.c, "/data/in/x") && !may_read(&chain.c, "/data/x"));
    for says in [Says::Forbid, Says::Fault] {
        chain.world.swap(move |who, _, _| match who {
            "acme/a" => Says::Permit,
            "acme/b" => says,
            _ => Says::Nothing,
        });
        assert!(!may_read(&chain.c, "/data/in/x"), "{says:?}");
    }
    chain.world.swap(|who, _, _| if who == "acme/b" { Says::Permit } else { Says::Nothing });
    assert!(!may_read(&chain.c, "/data/in/x"), "who lent first is not permitted");
}

#[test]
fn every_link_ends_what_comes_after_it() {
    for end in 0..5 {
        let chain = chain(only_a);
        assert!(may_read(&chain.c, "/data/in/x"));
        match end {
            0 => chain.a.withdraw(chain.first, IMPORT).unwrap().wait(),
            1 => chain.b.withdraw(chain.second, IMPORT).unwrap().wait(),
            2 => chain.a.end(),
            3 => chain.b.revoke(),
            _ => drop(chain.a),
        }
        assert!(!may_read(&chain.c, "/data/in/x"), "{end}");
        assert!(chain.accepted.lease().is_revoked(), "{end}");
    }
}

#[test]
fn what_was_lent_on_outlasts_the_handle_of_who_lent_it_on() {
    let Chain { c, held, accepted, world: _world, a: _a, b: _b, .. } = chain(only_a);
    drop(held);
    assert!(may_read(&c, "/data/in/x"));
    drop(accepted);
    assert!(!may_read(&c, "/data/in/x"));
}

#[test]
fn nothing_is_lent_on_that_is_wider_in_anything() {
    let world = World::new(only_a);
    let (a, b) = (world.session("acme/a"), world.session("acme/b"));
    let deadline = later();
    let term = |actions: &[ActionId], at: &str, deadline, depth| {
        Terms::new(actions.iter().copied(), path(at), deadline, depth).unwrap()
    };
    let first = world.lend(&a, "acme/b", term(&[ActionId::FsRead], "/data", deadline, 1)).unwrap();
    let held = b.accept_lent(first, IMPORT).unwrap();
    let on = |terms| world.lend_on(&held, "acme/c", terms);
    let (read, past) = ([ActionId::FsRead], deadline + Duration::from_nanos(1));
    let wide = |result| matches!(result, Err(LendError::Terms(_)));
    assert!(wide(on(term(&[ActionId::FsRead, ActionId::FsWrite], "/data", deadline, 0))));
    assert!(wide(on(term(&read, "/", deadline, 0))) && wide(on(term(&read, "/database", deadline, 0))));
    assert!(wide(on(term(&read, "/data", past, 0))));
    assert!(wide(on(term(&read, "/data", deadline, 1))));
    assert!(on(term(&read, "/data/in", deadline, 0)).is_ok());
    // Without a depth it is lent on not at all.
    let c = world.session("acme/c");
    let second = on(term(&read, "/data", deadline, 0)).unwrap();
    let held = c.accept_lent(second, IMPORT).unwrap();
    assert!(wide(world.lend_on(&held, "acme/d", term(&read, "/data", deadline, 0))));
    a.withdraw(first, IMPORT).unwrap().wait();
    let late = world.lend_on(&held, "acme/d", term(&read, "/data", deadline, 0));
    assert!(matches!(late, Err(LendError::NoSuch)));
}

#[test]
fn nothing_is_done_by_it_after_the_deadline_and_a_wait_ends_there() {
    let (world, a, b, _) = lent();
    let over = Terms::new([ActionId::FsRead], path("/data"), Instant::now(), 0).unwrap();
    assert!(matches!(world.lend(&a, "acme/b", over), Err(LendError::Terms(BadTerms::Over))));
    let deadline = Instant::now() + Duration::from_millis(300);
    let sleeps = Terms::new([ActionId::ClockSleep], Clock::Monotonic.into(), deadline, 0).unwrap();
    let number = world.lend(&a, "acme/b", sleeps).unwrap();
    let _accepted = b.accept_lent(number, IMPORT).unwrap();
    let permit = b.authorize::<ClockSleep>(Clock::Monotonic, IMPORT).unwrap();
    let (_sleeper, timer) = clock::Sleeper::begin_after(permit, u64::MAX / 2, IMPORT).unwrap();
    assert!(waits(async move { timer.over().await }).recv_timeout(AT_LAST).is_ok(), "nobody woke it");
    assert!(Instant::now() >= deadline);
    assert!(b.authorize::<ClockSleep>(Clock::Monotonic, IMPORT).is_err());
    assert!(matches!(b.accept_lent(number, IMPORT), Err(LendError::NoSuch)));
}

#[test]
fn a_wait_ends_when_what_it_rests_on_is_withdrawn_or_let_go() {
    for let_go in [false, true] {
        let (world, a, b, _) = lent();
        let sleeps = Terms::new([ActionId::ClockSleep], Clock::Monotonic.into(), later(), 0).unwrap();
        let number = world.lend(&a, "acme/b", sleeps).unwrap();
        let accepted = b.accept_lent(number, IMPORT).unwrap();
        let permit = b.authorize::<ClockSleep>(Clock::Monotonic, IMPORT).unwrap();
        let (_sleeper, timer) = clock::Sleeper::begin_after(permit, u64::MAX / 2, IMPORT).unwrap();
        let over = waits(async move { timer.over().await });
        assert!(over.recv_timeout(Duration::from_millis(200)).is_err());
        if let_go {
            drop(accepted);
        } else {
            a.withdraw(number, IMPORT).unwrap().wait();
        }
        assert!(over.recv_timeout(AT_LAST).is_ok(), "nobody woke it");
    }
}

fn waits(work: impl Future<Output = ()> + Send + 'static) -> mpsc::Receiver<()> {
    let (done, returned) = mpsc::channel();
    std::thread::spawn(move || {
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work);
        done.send(())
    });
    returned
}

#[test]
fn a_file_that_was_opened_by_it_is_not_read_after_its_end() {
    let (world, a, b, number) = lent();
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("x"), "lent").unwrap();
    let guest = GuestPath::parse("/data").unwrap();
    let spec =
        MountSpec { host: dir.path().to_owned(), guest, read_only: false, options: MountOptions::default() };
    let mounts = Mounts::open_ambient(vec![spec], &[]).unwrap();
    assert!(mounts.roots(&b).is_empty(), "its policies show it no mount");
    let accepted = b.accept_lent(number, IMPORT).unwrap();
    let root = mounts.roots(&b).remove(0).0.directory().unwrap().clone();
    let how = OpenOptions { read: true, follow: true, ..OpenOptions::default() };
    let node = root.open_at("x", &how, IMPORT).unwrap();
    assert_eq!(node.file().unwrap().read_at(9, 0, IMPORT).unwrap(), b"lent");
    let write = OpenOptions { write: true, ..how };
    assert!(root.open_at("x", &write, IMPORT).is_err());
    world.log.take();
    a.withdraw(number, IMPORT).unwrap().wait();
    assert!(node.file().unwrap().read_at(9, 0, IMPORT).is_err());
    assert!(world.log.take().iter().all(|line| line.starts_with("deny ")));
    assert!(mounts.roots(&b).is_empty());
    drop(accepted);
}

#[test]
fn a_move_is_not_made_by_what_was_lent_nor_to_where_it_makes_more_possible() {
    let everything = [ActionId::FsRead, ActionId::FsWrite, ActionId::FsCreate, ActionId::FsDelete];
    let world = World::new(|who, action, on| match (who, action) {
        ("acme/a", _) => Says::Permit,
        // Its own: to read and take away beneath `/m/own`, to look and to create anywhere.
        (_, ActionId::FsStat | ActionId::FsCreate) => Says::Permit,
        (_, ActionId::FsRead | ActionId::FsDelete) if on.starts_with("/m/own") => Says::Permit,
        (_, ActionId::FsWrite) if on.starts_with("/m/written") => Says::Permit,
        _ => Says::Nothing,
    });
    let (a, b) = (world.session("acme/a"), world.session("acme/b"));
    let dir = tempfile::tempdir().unwrap();
    for name in ["own", "lent", "else", "written"] {
        std::fs::create_dir(dir.path().join(name)).unwrap();
        std::fs::write(dir.path().join(name).join("f"), name).unwrap();
    }
    let guest = GuestPath::parse("/m").unwrap();
    let spec =
        MountSpec { host: dir.path().to_owned(), guest, read_only: false, options: MountOptions::default() };
    let mounts = Mounts::open_ambient(vec![spec], &[]).unwrap();
    let number = world.lend(&a, "acme/b", terms(everything, path("/m/lent"), 0)).unwrap();
    let _accepted = b.accept_lent(number, IMPORT).unwrap();
    let root = mounts.roots(&b).remove(0).0.directory().unwrap().clone();
    assert!(may_read(&b, "/m/lent/f"));
    // Out of what was lent: it would stay after its end.
    assert!(root.rename_at("lent/f", &root, "else/g", IMPORT).is_err());
    assert!(root.link_at("lent/f", false, &root, "else/g", IMPORT).is_err());
    // Into what was lent: its own file could be written there.
    assert!(root.rename_at("own/f", &root, "lent/g", IMPORT).is_err());
    assert!(root.link_at("own/f", false, &root, "lent/g", IMPORT).is_err());
    // To where it may write by itself, of what it may write for a time.
    let writes = terms([ActionId::FsWrite], path("/m/own"), 0);
    let number = world.lend(&a, "acme/b", writes).unwrap();
    let _writes = b.accept_lent(number, IMPORT).unwrap();
    assert!(root.rename_at("own/f", &root, "written/g", IMPORT).is_err());
    root.rename_at("own/f", &root, "else/g", IMPORT).unwrap();
}

#[test]
fn withdrawing_returns_only_when_what_began_by_it_is_over() {
    let (_world, a, b, number) = lent();
    let (_world2, lease) = (&_world, {
        let sleeps = Terms::new([ActionId::ClockRead], Clock::Wall.into(), later(), 0).unwrap();
        let number = lending::lend_by(&a, "acme/b", sleeps).unwrap();
        let accepted = b.accept_lent(number, IMPORT).unwrap();
        let reader = clock::Reader::new(b.authorize::<ClockRead>(Clock::Wall, IMPORT).unwrap());
        (number, accepted, reader.lease().clone())
    });
    let (clock_number, _accepted, lease) = lease;
    let in_use = lease.enter(ActionId::ClockRead, IMPORT).unwrap();
    // Another delegation is not held up by it.
    a.withdraw(number, IMPORT).unwrap().wait();
    let (done, returned) = mpsc::channel();
    let withdrawing = Arc::clone(&a);
    std::thread::spawn(move || {
        withdrawing.withdraw(clock_number, IMPORT).unwrap().wait();
        done.send(())
    });
    assert!(returned.recv_timeout(Duration::from_millis(200)).is_err(), "an effect is under way");
    assert_eq!(lease.enter(ActionId::ClockRead, IMPORT).unwrap_err().why, Why::Policy);
    drop(in_use);
    returned.recv_timeout(AT_LAST).unwrap();
}

#[test]
fn the_end_of_the_lender_returns_only_when_what_began_by_what_it_lent_is_over() {
    let (world, a, b, _) = lent();
    let reads = Terms::new([ActionId::ClockRead], Clock::Wall.into(), later(), 0).unwrap();
    let number = world.lend(&a, "acme/b", reads).unwrap();
    let _accepted = b.accept_lent(number, IMPORT).unwrap();
    let reader = clock::Reader::new(b.authorize::<ClockRead>(Clock::Wall, IMPORT).unwrap());
    let lease = reader.lease().clone();
    let in_use = lease.enter(ActionId::ClockRead, IMPORT).unwrap();
    let (done, returned) = mpsc::channel();
    let ending = Arc::clone(&a);
    std::thread::spawn(move || {
        ending.end();
        done.send(())
    });
    assert!(returned.recv_timeout(Duration::from_millis(200)).is_err(), "an effect is under way");
    drop(in_use);
    returned.recv_timeout(AT_LAST).unwrap();
}

#[test]
fn a_permit_that_an_end_overtook_has_no_effect() {
    let (world, a, b, _) = lent();
    let env = |name| Resource::parse("EnvVar", name).unwrap();
    let number =
        world.lend(&a, "acme/b", Terms::new([ActionId::EnvRead], env("HOME"), later(), 0).unwrap()).unwrap();
    let _accepted = b.accept_lent(number, IMPORT).unwrap();
    let permit = b.authorize::<EnvRead>(EnvName::parse("HOME").unwrap(), IMPORT).unwrap();
    a.withdraw(number, IMPORT).unwrap().wait();
    let given = [("HOME".to_owned(), "/root".to_owned())];
    let environment = airssys_osl::environment::Environment::new(given).unwrap();
    assert!(environment.read(permit).is_err());
}

#[test]
fn each_question_is_asked_and_recorded_anew_and_names_the_lenders() {
    let chain = chain(only_a);
    chain.world.log.take();
    assert!(may_read(&chain.c, "/data/in/x") && may_read(&chain.c, "/data/in/x"));
    let line = format!("allow acme/c fs:read /data/in/x by {}: acme/b#2 acme/a#1", chain.second);
    assert_eq!(chain.world.log.take(), [line.clone(), line]);
    assert_eq!(
        chain.world.behalf("acme/a"),
        ["acme/b", "acme/c"],
        "each is asked on behalf of those behind him"
    );
    assert!(!may_read(&chain.c, "/data/x"));
    assert_eq!(chain.world.log.take(), ["deny acme/c fs:read /data/x"]);
}

#[test]
fn a_component_lends_a_bounded_number_and_holds_a_bounded_number() {
    let (world, a, b, _) = lent();
    let mut numbers = Vec::new();
    let mut refused = 0;
    for _ in 0..10_000 {
        match world.lend(&a, "acme/b", terms([ActionId::FsRead], path("/data"), 0)) {
            Ok(number) => numbers.push(number),
            Err(LendError::Limit(_)) => refused += 1,
            Err(other) => panic!("{other}"),
        }
    }
    // One is lent already.
    assert_eq!((numbers.len(), refused), (1023, 10_000 - 1023));
    let held: Vec<_> = numbers.iter().map_while(|number| b.accept_lent(*number, IMPORT).ok()).collect();
    assert_eq!(held.len(), 64);
    a.withdraw(numbers[0], IMPORT).unwrap().wait();
    assert!(b.accept_lent(numbers[100], IMPORT).is_ok(), "what has ended takes no place");
    assert!(world.lend(&a, "acme/b", terms([ActionId::FsRead], path("/data"), 0)).is_ok());
}

#[tokio::test]
async fn a_connection_that_was_made_by_it_is_reset_at_its_end() {
    for way in ["withdraw", "let go", "lender", "deadline"] {
        let world = World::new(|who, action, _| match (who, action) {
            ("acme/a", _) | (_, ActionId::NetBind) => Says::Permit,
            _ => Says::Nothing,
        });
        let (a, b) = (world.session("acme/a"), world.session("acme/b"));
        let listening = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let there = listening.local_addr().unwrap();
        let endpoint = Resource::parse("Endpoint", &format!("{there}/tcp")).unwrap();
        let lasts = Duration::from_secs(if way == "deadline" { 1 } else { 3600 });
        let connects = Terms::new([ActionId::NetConnect], endpoint, Instant::now() + lasts, 0).unwrap();
        let number = world.lend(&a, "acme/b", connects).unwrap();
        let accepted = b.accept_lent(number, IMPORT).unwrap();
        let network = Network::new(&b, NetLimits::default());
        let socket = network.tcp_socket(Family::V4).unwrap();
        socket.start_connect(there, IMPORT).unwrap();
        let (_reader, _writer) = loop {
            socket.ready().await;
            match socket.finish_connect(IMPORT) {
                Err(NetError::WouldBlock) => {}
                done => break done.unwrap(),
            }
        };
        let mut peer = listening.accept().unwrap().0;
        peer.set_read_timeout(Some(AT_LAST)).unwrap();
        // Nothing of this task runs between the end and what the other side sees.
        match way {
            "withdraw" => a.withdraw(number, IMPORT).unwrap().wait(),
            "let go" => drop(accepted),
            "lender" => a.revoke(),
            _ => {}
        }
        let error = std::io::Read::read(&mut peer, &mut [0; 8]).expect_err(way);
        assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset, "{way}");
    }
}
