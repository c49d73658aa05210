//! An authorizer that sees whole resources, names from a script, and a session with a network.
#![allow(dead_code, reason = "each test uses its own part")]

use crate::common::{Log, principal};
use airssys_osl::net::{
    Family, NameError, NameService, NetError, NetLimits, Network, Reader, Shutdown, TcpSocket, UdpSocket,
    Writer,
};
use airssys_osl::{
    ActionId, Allowance, Ask, Authorizer, Decision, Gate, GuestPath, Host, Reasons, Resource, Session,
    Subject, Verdict,
};
use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, RwLock};
use std::time::Duration;

pub(crate) const IMPORT: &str = "test:sockets/types#call";

type Rule = Box<dyn Fn(ActionId, &Resource) -> bool + Send + Sync>;

/// Decides by a closure over whole resources.
pub(crate) struct Rules {
    rule: RwLock<Rule>,
    epoch: Arc<AtomicU64>,
    /// Every verdict counts once, as one that read the context does.
    pub(crate) once: AtomicBool,
}

impl Authorizer for Rules {
    fn decide(&self, ask: &Ask<'_>) -> Decision {
        let allowed = (self.rule.read().unwrap())(ask.action, ask.resource);
        let reasons = Arc::new(Reasons::default());
        let verdict = if allowed { Verdict::Allow(reasons) } else { Verdict::Deny(reasons) };
        let reusable = !self.once.load(Ordering::SeqCst);
        Decision { verdict, epoch: self.epoch.load(Ordering::SeqCst), reusable }
    }
    fn epoch(&self) -> &Arc<AtomicU64> {
        &self.epoch
    }
    fn names_beneath(&self, _: &GuestPath) -> bool {
        false
    }
    fn visible(&self, _: &Subject, _: &GuestPath) -> bool {
        true
    }
}

type Answer = Result<Vec<IpAddr>, NameError>;

/// Answers from a list, one answer a question; the last one stays.
#[derive(Default)]
pub(crate) struct Names {
    answers: Mutex<HashMap<String, Vec<Answer>>>,
    pub(crate) asked: AtomicUsize,
    /// How long each answer takes.
    pub(crate) slow: Mutex<Duration>,
    pub(crate) panics: AtomicBool,
    /// No answer comes as long as this is set.
    pub(crate) held: AtomicBool,
}

impl Names {
    pub(crate) fn answer(&self, host: &str, addresses: &[&str]) {
        let addresses = addresses.iter().map(|address| address.parse().unwrap()).collect();
        self.answers.lock().unwrap().entry(host.to_owned()).or_default().push(Ok(addresses));
    }

    pub(crate) fn fail(&self, host: &str, error: NameError) {
        self.answers.lock().unwrap().entry(host.to_owned()).or_default().push(Err(error));
    }
}

impl NameService for Names {
    fn resolve(&self, host: &Host) -> Answer {
        self.asked.fetch_add(1, Ordering::SeqCst);
        assert!(!self.panics.load(Ordering::SeqCst), "as told");
        let slow = *self.slow.lock().unwrap();
        std::thread::sleep(slow);
        while self.held.load(Ordering::SeqCst) {
            std::thread::sleep(Duration::from_millis(5));
        }
        let mut answers = self.answers.lock().unwrap();
        let Some(left) = answers.get_mut(host.as_str()) else { return Err(NameError::NotFound) };
        if left.len() > 1 { left.remove(0) } else { left[0].clone() }
    }
}

/// One session with its network.
pub(crate) struct Guest {
    pub(crate) rules: Arc<Rules>,
    pub(crate) log: Arc<Log>,
    pub(crate) session: Arc<Session>,
    pub(crate) names: Arc<Names>,
    pub(crate) network: Network,
}

impl Guest {
    pub(crate) fn new(rule: impl Fn(ActionId, &Resource) -> bool + Send + Sync + 'static) -> Guest {
        Guest::with(NetLimits::default(), rule)
    }

    pub(crate) fn with(
        limits: NetLimits,
        rule: impl Fn(ActionId, &Resource) -> bool + Send + Sync + 'static,
    ) -> Guest {
        Guest::made(limits, Allowance::default(), rule)
    }

    /// Everything is allowed, and so many bytes.
    pub(crate) fn within(allowance: Allowance) -> Guest {
        Guest::made(NetLimits::default(), allowance, |_, _| true)
    }

    fn made(
        limits: NetLimits,
        allowance: Allowance,
        rule: impl Fn(ActionId, &Resource) -> bool + Send + Sync + 'static,
    ) -> Guest {
        let (rule, epoch) = (RwLock::new(Box::new(rule) as Rule), Arc::new(AtomicU64::new(1)));
        let (rules, log) =
            (Arc::new(Rules { rule, epoch, once: AtomicBool::new(false) }), Arc::new(Log::default()));
        let (authorizer, recorder) = (Arc::clone(&rules), Arc::clone(&log));
        let session = Gate::new(authorizer, recorder).session_within(Subject::new(principal(), 1), allowance);
        let names = Arc::new(Names::default());
        let network = Network::with_names(&session, limits, Arc::clone(&names) as Arc<dyn NameService>);
        Guest { rules, log, session, names, network }
    }

    /// Everything is allowed.
    pub(crate) fn free() -> Guest {
        Guest::new(|_, _| true)
    }

    /// Changes the policies, as a swap does.
    pub(crate) fn swap(&self, rule: impl Fn(ActionId, &Resource) -> bool + Send + Sync + 'static) {
        *self.rules.rule.write().unwrap() = Box::new(rule);
        let old = self.rules.epoch.fetch_add(1, Ordering::SeqCst);
        self.session.gate().policies_changed(old);
    }

    pub(crate) fn tcp(&self) -> TcpSocket {
        self.network.tcp_socket(Family::V4).unwrap()
    }

    pub(crate) fn udp(&self, local: &str) -> UdpSocket {
        let socket = self.network.udp_socket(Family::of(&addr(local))).unwrap();
        socket.start_bind(addr(local), IMPORT).unwrap();
        socket.finish_bind(IMPORT).unwrap();
        socket
    }

    /// Binds and listens.
    pub(crate) fn listen(&self, local: &str) -> (TcpSocket, SocketAddr) {
        let socket = self.network.tcp_socket(Family::of(&addr(local))).unwrap();
        socket.start_bind(addr(local), IMPORT).unwrap();
        socket.finish_bind(IMPORT).unwrap();
        socket.start_listen(IMPORT).unwrap();
        socket.finish_listen(IMPORT).unwrap();
        let local = socket.local_address(IMPORT).unwrap();
        (socket, local)
    }

    /// Connects, as a guest does.
    pub(crate) async fn connect(&self, remote: SocketAddr) -> Result<(TcpSocket, Reader, Writer), NetError> {
        let socket = self.network.tcp_socket(Family::of(&remote))?;
        socket.start_connect(remote, IMPORT)?;
        loop {
            soon(socket.ready()).await;
            match socket.finish_connect(IMPORT) {
                Err(NetError::WouldBlock) => {}
                Err(error) => return Err(error),
                Ok((reader, writer)) => return Ok((socket, reader, writer)),
            }
        }
    }

    /// All addresses of a name.
    pub(crate) async fn resolve(&self, name: &str) -> Result<Vec<IpAddr>, NetError> {
        let addresses = self.network.resolve(name, IMPORT)?;
        let mut all = Vec::new();
        soon(addresses.ready()).await;
        while let Some(address) = addresses.next(IMPORT)? {
            all.push(address);
        }
        Ok(all)
    }
}

pub(crate) fn addr(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

pub(crate) fn id(resource: &Resource) -> &str {
    resource.id()
}

/// True for an endpoint that was looked up as this host, or a name in it.
pub(crate) fn in_host(resource: &Resource, host: &str) -> bool {
    let host = Host::parse(host).unwrap();
    match resource {
        Resource::Host(name) => name.is_within(&host),
        Resource::Endpoint(endpoint) => endpoint.hosts().iter().any(|name| name.is_within(&host)),
        _ => false,
    }
}

/// Fails when it does not come within a time that only a hang exceeds.
pub(crate) async fn soon<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(20), future).await.expect("it should have come by now")
}

/// What a reader gives until its end.
pub(crate) async fn read_all(reader: &Reader) -> Result<Vec<u8>, NetError> {
    let mut all = Vec::new();
    loop {
        match reader.read(usize::MAX, IMPORT) {
            Ok(piece) if piece.is_empty() => soon(reader.ready()).await,
            Ok(piece) => all.extend_from_slice(&piece),
            Err(NetError::Closed) => return Ok(all),
            Err(error) => return Err(error),
        }
    }
}

/// Writes all of it, as the stream permits.
pub(crate) async fn write_all(writer: &Writer, mut bytes: &[u8]) -> Result<(), NetError> {
    while !bytes.is_empty() {
        let room = writer.budget(IMPORT)?.min(bytes.len());
        if room == 0 {
            soon(writer.ready()).await;
            continue;
        }
        let (now, later) = bytes.split_at(room);
        writer.write(now.to_vec().into(), IMPORT)?;
        bytes = later;
    }
    Ok(())
}

pub(crate) fn end_writing(socket: &TcpSocket) {
    socket.shutdown(Shutdown::Send, IMPORT).unwrap();
}

/// Fails unless the answer is this word.
#[track_caller]
pub(crate) fn refused<T: std::fmt::Debug>(result: Result<T, NetError>, expected: &str) {
    assert_eq!(word(&result.unwrap_err()), expected);
}

/// One word for an error, in which a denial and the system's refusal look alike, as to a guest.
pub(crate) fn word(error: &NetError) -> &'static str {
    match error {
        NetError::Denied(_) | NetError::AccessDenied => "access-denied",
        NetError::NotSupported => "not-supported",
        NetError::InvalidArgument => "invalid-argument",
        NetError::Timeout => "timeout",
        NetError::ConcurrencyConflict => "concurrency-conflict",
        NetError::NotInProgress => "not-in-progress",
        NetError::WouldBlock => "would-block",
        NetError::InvalidState => "invalid-state",
        NetError::NewSocketLimit => "new-socket-limit",
        NetError::AddressNotBindable => "address-not-bindable",
        NetError::AddressInUse => "address-in-use",
        NetError::ConnectionRefused => "connection-refused",
        NetError::ConnectionReset => "connection-reset",
        NetError::DatagramTooLarge => "datagram-too-large",
        NetError::NameUnresolvable => "name-unresolvable",
        NetError::TemporaryResolverFailure => "temporary-resolver-failure",
        NetError::PermanentResolverFailure => "permanent-resolver-failure",
        NetError::Closed => "closed",
        NetError::TooMuch => "too-much",
        other => panic!("unexpected: {other:?}"),
    }
}
