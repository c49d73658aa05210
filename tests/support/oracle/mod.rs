//! The oracle: guests that use every kind of handle as often as they can while the policies change, and the comparison
//! of each effect's start with the changes and with what the world saw.

mod guest;
mod kinds;
mod stamps;
mod world;

use crate::support;
use airssys_osl::GuestPath;
use airssys_osl::fs::MountSpec;
use airssys_wasm::audit::Log;
use airssys_wasm::embed::{Component, ComponentRuntime, Config, Error};
use kinds::{ALL, KINDS, NONE, TURNS, permits, policies};
use stamps::{Flip, GUESTS, OF_EACH, Stamps, Verdict, is_denied};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use world::World;

/// From one change to the next.
const INTERVAL: Duration = Duration::from_millis(10);
/// How long an instance lives: a session has only so many denials.
const LIFE: Duration = Duration::from_secs(2);
/// The interface's words for a denial: `access` of files, `access-denied` of sockets.
const ACCESS: u64 = 256;
const ACCESS_DENIED: u64 = 257;

/// What the guests and the judge share.
struct Trial {
    runtime: ComponentRuntime,
    stamps: Arc<Stamps>,
    world: World,
    over: AtomicBool,
    uses: [AtomicU64; KINDS.len()],
    denials: [AtomicU64; KINDS.len()],
}

/// How long the policies are to change for.
pub(crate) fn seconds() -> u64 {
    std::env::var("AIRSSYS_ORACLE_SECONDS").map_or(6, |text| text.parse().expect("a number of seconds"))
}

/// One trial; the effects of a process can only be seen by one at a time.
pub(crate) fn run(paused: bool) {
    static TURN: Mutex<()> = Mutex::new(());
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    // A paused thread must hold up one guest alone; otherwise few enough for the changes to get their turn.
    let threads = if paused { GUESTS } else { 2 };
    let executor = tokio::runtime::Builder::new_multi_thread().worker_threads(threads).enable_all().build();
    let executor = executor.unwrap();
    let (trial, guests) = executor.block_on(begin(paused));
    let guests: Vec<_> = guests
        .into_iter()
        .enumerate()
        .map(|(number, guest)| executor.spawn(hammer(Arc::clone(&trial), number, guest)))
        .collect();
    let (flips, mut verdict) = flip(&trial);
    trial.over.store(true, Ordering::SeqCst);
    for guest in guests {
        executor.block_on(guest).unwrap();
    }
    verdict.judge(&trial.stamps, &flips, Instant::now() + INTERVAL);
    drop(executor);
    compare(trial, &flips, verdict);
}

async fn begin(paused: bool) -> (Arc<Trial>, Vec<Component>) {
    let (world, stamps) = (World::new(), Stamps::begin(paused));
    let all = policies(ALL);
    let config = Config::new().trust(support::trust_in(&["inner-network"])).policy(all.name, all.text);
    let config = config.audit(Arc::new(Log::builder().build().unwrap()));
    let mount = MountSpec::new(world.path(), GuestPath::parse("/data").unwrap());
    let runtime = ComponentRuntime::new(config.mount(mount)).unwrap();
    let bytes = guest::hammer();
    let mut guests = Vec::new();
    for (kind, n) in (0..GUESTS).map(|number| (number / OF_EACH, number % OF_EACH)) {
        let signed = support::signed(&format!("{}-{n}", KINDS[kind].name), &bytes);
        guests.push(runtime.load_component(signed).await.unwrap());
    }
    let (over, (uses, denials)) = (AtomicBool::new(false), Default::default());
    (Arc::new(Trial { runtime, stamps, world, over, uses, denials }), guests)
}

/// Lets one guest work until it is told to end, with a new instance every other second.
async fn hammer(trial: Arc<Trial>, number: usize, mut guest: Component) {
    let (kind, n) = (number / OF_EACH, number % OF_EACH);
    let mut born = Instant::now();
    while !trial.over.load(Ordering::SeqCst) {
        if born.elapsed() > LIFE {
            (guest, born) = (reborn(&trial, number, guest).await, Instant::now());
        }
        let arguments = (kind as u32, n as u32, trial.world.start(kind, n));
        let answer = guest.call_typed::<(u32, u32, u64), (u64,)>("work", arguments).await;
        let code = match answer {
            Ok((done,)) => {
                trial.uses[kind].fetch_add(done >> 16, Ordering::SeqCst);
                done & 0xffff
            }
            Err(Error::Denied(_)) => {
                guest = guest.instantiate().await.unwrap();
                ACCESS
            }
            Err(error) => panic!("{}: {error:?}", KINDS[kind].name),
        };
        if matches!(code, ACCESS | ACCESS_DENIED) {
            trial.denials[kind].fetch_add(1, Ordering::SeqCst);
        }
        if code != 0 {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }
    guest.unload().await.unwrap();
    trial.stamps.unloaded[number].store(true, Ordering::SeqCst);
}

/// Another instance. Between the two there is none that could do anything.
async fn reborn(trial: &Trial, number: usize, guest: Component) -> Component {
    guest.unload().await.unwrap();
    let unloaded = &trial.stamps.unloaded[number];
    unloaded.store(true, Ordering::SeqCst);
    tokio::time::sleep(Duration::from_millis(2)).await;
    unloaded.store(false, Ordering::SeqCst);
    guest.instantiate().await.unwrap()
}

/// Changes the policies until the time is over, and looks at the files each time: those of a denied kind are no longer
/// after the change than they were when it returned.
fn flip(trial: &Trial) -> (Vec<Flip>, Verdict) {
    let (started, mut flips, mut verdict) = (Instant::now(), Vec::new(), Verdict::default());
    let for_how_long = Duration::from_secs(seconds());
    for set in TURNS.into_iter().cycle() {
        let last = started.elapsed() > for_how_long;
        let set = if last { NONE } else { set };
        let called = Instant::now();
        trial.runtime.swap_policy(&[policies(set)], &[]).unwrap();
        flips.push(Flip { called, returned: Instant::now(), set });
        let seen = denied_sizes(trial, set);
        // By the clock, so that a change that took long is made up for.
        std::thread::sleep((INTERVAL * flips.len() as u32).saturating_sub(started.elapsed()));
        if last {
            // Long enough for everything that is still on its way to be seen.
            std::thread::sleep(Duration::from_millis(300));
        }
        if denied_sizes(trial, set) != seen {
            verdict
                .blame(format!("files grew under {set:#x}: from {seen:?} to {:?}", denied_sizes(trial, set)));
        }
        if flips.len().is_multiple_of(100) {
            verdict.judge(&trial.stamps, &flips, called);
        }
        if last {
            return (flips, verdict);
        }
    }
    unreachable!("the turns go on for ever")
}

fn denied_sizes(trial: &Trial, set: u8) -> Vec<[u64; OF_EACH]> {
    let denied = (0..KINDS.len()).filter(|kind| !permits(set, *kind));
    denied.filter_map(|kind| trial.world.sizes(kind)).collect()
}

/// What each kind did, against what was told of it and what lies in the files.
fn compare_kinds(trial: &Trial, verdict: &Verdict) {
    for (kind, row) in KINDS.iter().enumerate() {
        let (effects, shown) = (verdict.effects[kind], trial.stamps.shown(kind));
        let count = |of: &[AtomicU64]| of[kind].load(Ordering::SeqCst);
        let (used, denied) = (count(&trial.uses), count(&trial.denials));
        println!("{:8} {effects:9} effects, {used:9} uses, {denied:6} denials", row.name);
        assert!(effects > 0 && used > 0 && denied > 0, "{} was tried in vain", row.name);
        assert!(used <= shown, "{}: {used} uses and only {shown} effects that were told of", row.name);
        if let Some(sizes) = trial.world.sizes(kind) {
            // Each effect wrote sixteen bytes, and so many were there before.
            let (written, told) = (sizes.iter().sum::<u64>(), 16 * (shown + OF_EACH as u64));
            assert_eq!(written, told, "{}: bytes in the files, and bytes that were told of", row.name);
        }
    }
    let ghosts = trial.stamps.ghosts.load(Ordering::SeqCst);
    assert_eq!(ghosts, 0, "effects of a guest that was unloaded");
}

fn compare(trial: Arc<Trial>, flips: &[Flip], mut verdict: Verdict) {
    compare_kinds(&trial, &verdict);
    let Ok(Trial { stamps, world, .. }) = Arc::try_unwrap(trial) else { panic!("somebody still works") };
    let kind = |name| KINDS.iter().position(|kind| kind.name == name).unwrap();
    let (writes, sends) = (stamps.shown(kind("connect")), stamps.shown(kind("send")));
    let (bytes, datagrams) = (world.bytes(), world.datagrams());
    assert!(bytes > 0 && bytes <= 16 * writes, "{bytes} bytes came, of {writes} writes");
    assert!(datagrams > 0 && datagrams <= sends, "{datagrams} datagrams came, of {sends}");
    let connected = world.end();
    let denied = |(from, to): &&(Instant, Instant)| is_denied(flips, kind("accept"), *from, *to);
    for (from, to) in connected.iter().filter(denied) {
        verdict.blame(format!("somebody was connected to a denied listener from {from:?} to {to:?}"));
    }
    let took = flips[flips.len() - 1].returned - flips[0].called;
    let longest = flips.iter().map(|flip| flip.returned - flip.called).max().unwrap();
    println!("{} changes in {took:?}, the longest took {longest:?}", flips.len());
    println!("{bytes} bytes and {datagrams} datagrams came, {} connections", connected.len());
    println!("{} pauses, {} wrong", stamps.pauses.load(Ordering::SeqCst), verdict.wrong.len());
    let some: Vec<_> = verdict.wrong.iter().take(10).collect();
    assert!(
        verdict.wrong.is_empty(),
        "{} effects outside of a permitting epoch: {some:#?}",
        verdict.wrong.len()
    );
}
