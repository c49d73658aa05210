//! What the guests have an effect on: files, a server that counts what comes, and somebody who connects to listeners.

use super::kinds::KINDS;
use super::stamps::OF_EACH;
use std::io::Read;
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// The world of one trial.
pub(crate) struct World {
    directory: tempfile::TempDir,
    counts: Arc<Counts>,
    tcp: u16,
    udp: u16,
    listeners: [u16; OF_EACH],
    threads: Vec<JoinHandle<()>>,
}

/// What it saw.
#[derive(Default)]
struct Counts {
    over: AtomicBool,
    bytes: AtomicU64,
    datagrams: AtomicU64,
    /// When somebody tried to connect to a guest, and when he was connected.
    connected: Mutex<Vec<(Instant, Instant)>>,
}

impl Counts {
    fn goes_on(&self) -> bool {
        !self.over.load(Ordering::SeqCst)
    }
}

impl World {
    pub(crate) fn new() -> World {
        let directory = tempfile::tempdir().unwrap();
        for kind in ["read", "write", "append", "list"] {
            for n in 0..OF_EACH {
                let path = directory.path().join(kind).join(n.to_string());
                std::fs::create_dir_all(path.parent().unwrap()).unwrap();
                if kind == "list" {
                    std::fs::create_dir(&path).unwrap();
                    (0..20).for_each(|entry| std::fs::write(path.join(entry.to_string()), "").unwrap());
                } else {
                    std::fs::write(path, "sixteen bytes !\n").unwrap();
                }
            }
        }
        let counts = Arc::new(Counts::default());
        let (tcp, udp) = (tcp_server(&counts), udp_server(&counts));
        let listeners =
            std::array::from_fn(|_| TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port());
        let mut threads = vec![udp.1];
        threads.extend(listeners.map(|port| connect_often(&counts, port)));
        World { directory, counts, tcp, udp: udp.0, listeners, threads }
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.directory.path().to_path_buf()
    }

    fn size(&self, kind: usize, n: usize) -> u64 {
        let path = self.directory.path().join(KINDS[kind].name).join(n.to_string());
        std::fs::metadata(path).unwrap().len()
    }

    /// The sizes of the files that this kind writes, if it writes any.
    pub(crate) fn sizes(&self, kind: usize) -> Option<[u64; OF_EACH]> {
        let writes = matches!(KINDS[kind].name, "write" | "append");
        writes.then(|| std::array::from_fn(|n| self.size(kind, n)))
    }

    /// What a guest's work begins with: where in its file, or with whom.
    pub(crate) fn start(&self, kind: usize, n: usize) -> u64 {
        match KINDS[kind].name {
            "write" | "append" => self.size(kind, n),
            "connect" => self.tcp.into(),
            "send" => self.udp.into(),
            "accept" => self.listeners[n].into(),
            _ => 0,
        }
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.counts.bytes.load(Ordering::SeqCst)
    }

    pub(crate) fn datagrams(&self) -> u64 {
        self.counts.datagrams.load(Ordering::SeqCst)
    }

    /// Stops counting and says when somebody was connected to a guest.
    pub(crate) fn end(self) -> Vec<(Instant, Instant)> {
        self.counts.over.store(true, Ordering::SeqCst);
        self.threads.into_iter().for_each(|thread| thread.join().unwrap());
        std::mem::take(&mut *self.counts.connected.lock().unwrap())
    }
}

/// Counts the bytes of all connections. Its threads end with their connections.
fn tcp_server(counts: &Arc<Counts>) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let (port, counts) = (listener.local_addr().unwrap().port(), Arc::clone(counts));
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let (mut stream, counts) = (stream.unwrap(), Arc::clone(&counts));
            std::thread::spawn(move || {
                let mut buffer = vec![0; 65_536];
                while let Ok(read @ 1..) = stream.read(&mut buffer) {
                    counts.bytes.fetch_add(read as u64, Ordering::SeqCst);
                }
            });
        }
    });
    port
}

fn udp_server(counts: &Arc<Counts>) -> (u16, JoinHandle<()>) {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
    let (port, counts) = (socket.local_addr().unwrap().port(), Arc::clone(counts));
    let counting = move || {
        while counts.goes_on() {
            if socket.recv(&mut [0; 64]).is_ok() {
                counts.datagrams.fetch_add(1, Ordering::SeqCst);
            }
        }
    };
    (port, std::thread::spawn(counting))
}

/// Connects to a guest whenever it listens, and notes when that was.
fn connect_often(counts: &Arc<Counts>, port: u16) -> JoinHandle<()> {
    let (counts, there) = (Arc::clone(counts), SocketAddr::from(([127, 0, 0, 1], port)));
    std::thread::spawn(move || {
        while counts.goes_on() {
            let tried = Instant::now();
            if let Ok(mut stream) = TcpStream::connect_timeout(&there, Duration::from_secs(1)) {
                counts.connected.lock().unwrap().push((tried, Instant::now()));
                stream.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
                let _ = stream.read(&mut [0]);
            }
            std::thread::sleep(Duration::from_millis(3));
        }
    })
}
