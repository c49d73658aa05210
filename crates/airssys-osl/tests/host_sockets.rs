//! The host's own sockets: nobody else's name is taken, nobody else gets in, and who is there is what the system says.
//!
//! What needs another user runs this very test program again as one, which only the superuser can; elsewhere those tests
//! say so and hold nothing.
#![cfg(unix)]
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test builds its world by hand"
)]

use airssys_osl::host_sockets::{
    ControlListener, HostSocketError, Nameless, PlainListener, connect_ambient, own_uid_ambient,
};
use std::io::{BufRead, BufReader, ErrorKind};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::net::UnixListener;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use tempfile::TempDir;
use tokio::runtime::{Builder, Runtime};

/// What a child is to do: `connect` or `serve`, a blank, and the socket.
const ERRAND: &str = "AIRSSYS_TEST_ERRAND";

fn executor() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

fn bind(path: &Path) -> Result<ControlListener, HostSocketError> {
    let executor = executor();
    let _inside = executor.enter();
    ControlListener::bind_ambient(path)
}

fn private() -> (TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("control.sock");
    (directory, path)
}

fn names(directory: &TempDir) -> usize {
    std::fs::read_dir(directory.path()).unwrap().count()
}

#[test]
fn what_is_no_socket_is_not_replaced() {
    let (directory, path) = private();
    std::fs::write(&path, "kept").unwrap();
    assert!(matches!(bind(&path), Err(HostSocketError::Taken { what: "a regular file", .. })));
    assert_eq!(std::fs::read(&path).unwrap(), b"kept");
    std::fs::remove_file(&path).unwrap();
    std::fs::create_dir(&path).unwrap();
    assert!(matches!(bind(&path), Err(HostSocketError::Taken { what: "a directory", .. })));
    std::fs::remove_dir(&path).unwrap();
    for target in ["nowhere", "dead"] {
        drop(UnixListener::bind(directory.path().join("dead")));
        symlink(target, &path).unwrap();
        assert!(matches!(bind(&path), Err(HostSocketError::Taken { what: "a symbolic link", .. })));
        assert!(std::fs::symlink_metadata(&path).unwrap().is_symlink());
        std::fs::remove_file(&path).unwrap();
    }
    assert_eq!(names(&directory), 1, "no draft is left behind");
}

#[test]
fn a_live_socket_is_not_replaced_and_is_named() {
    let (directory, path) = private();
    let _live = UnixListener::bind(&path).unwrap();
    let error = bind(&path).unwrap_err();
    assert!(matches!(error, HostSocketError::Live { .. }), "{error}");
    assert!(error.to_string().contains("control.sock"), "{error}");
    assert_eq!(names(&directory), 1);
}

#[test]
fn a_directory_that_others_write_to_is_refused() {
    let (directory, path) = private();
    for mode in [0o777, 0o770] {
        std::fs::set_permissions(directory.path(), PermissionsExt::from_mode(mode)).unwrap();
        let error = bind(&path).unwrap_err();
        assert!(matches!(error, HostSocketError::Exposed { .. }), "{error}");
    }
    std::fs::set_permissions(directory.path(), PermissionsExt::from_mode(0o1777)).unwrap();
    bind(&path).unwrap();
}

#[test]
fn a_dead_socket_of_ones_own_is_replaced_and_the_new_one_has_mode_0600_whatever_the_umask_is() {
    let (directory, path) = private();
    let before = rustix::process::umask(rustix::fs::Mode::empty());
    drop(UnixListener::bind(&path).unwrap());
    let listener = bind(&path);
    rustix::process::umask(before);
    let mode = std::fs::symlink_metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o7777, 0o600);
    assert_eq!(names(&directory), 1, "no draft is left behind");
    listener.unwrap().close().unwrap();
    assert_eq!(names(&directory), 0);
}

#[test]
fn what_came_in_the_place_of_the_socket_stays_when_it_is_closed() {
    let (_directory, path) = private();
    let listener = bind(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    let _other = UnixListener::bind(&path).unwrap();
    listener.close().unwrap();
    assert!(path.exists());
    let (_directory, path) = private();
    let listener = bind(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    listener.close().unwrap();
}

#[test]
fn where_nobody_listens_the_client_is_told() {
    let (_directory, path) = private();
    let connect = || executor().block_on(connect_ambient(&path)).map(drop);
    assert!(matches!(connect(), Err(HostSocketError::Nobody { .. })));
    std::fs::write(&path, "").unwrap();
    assert!(matches!(connect(), Err(HostSocketError::Nobody { .. })));
}

#[test]
fn who_connects_is_told_by_the_system() {
    let (_directory, path) = private();
    executor().block_on(async {
        let listener = ControlListener::bind_ambient(&path).unwrap();
        let (stream, accepted) = tokio::join!(connect_ambient(&path), listener.accept());
        let (_server, peer) = accepted.unwrap();
        let peer = peer.unwrap();
        assert_eq!((peer.uid(), peer.pid()), (own_uid_ambient(), Some(std::process::id())));
        drop(stream.unwrap());
        listener.close().unwrap();
    });
}

#[test]
fn a_plain_socket_listens_at_its_address_alone() {
    executor().block_on(async {
        let one = PlainListener::listen_ambient("127.0.0.1:0".parse().unwrap()).await.unwrap();
        assert!(one.address().ip().is_loopback() && one.address().port() != 0);
        let error = PlainListener::listen_ambient(one.address()).await.unwrap_err();
        assert!(error.to_string().contains(&one.address().to_string()), "{error}");
    });
}

/// This program again, as that user, on an errand.
fn as_user(uid: u32, errand: &str, directory: &TempDir) -> Option<Child> {
    if own_uid_ambient() != 0 {
        eprintln!("not the superuser: this cannot be tried here");
        return None;
    }
    let program = directory.path().join("program");
    if !program.exists() {
        std::fs::copy(std::env::current_exe().unwrap(), &program).unwrap();
    }
    let mut command = Command::new(program);
    command.args(["--exact", "errand", "--nocapture", "--test-threads=1"]).env(ERRAND, errand);
    command.uid(uid).gid(uid).stdin(Stdio::piped()).stdout(Stdio::piped());
    command.current_dir("/");
    loop {
        match command.spawn() {
            // A process that another test starts at this moment has the copy open for writing until its `exec`.
            Err(error) if error.kind() == ErrorKind::ExecutableFileBusy => std::thread::yield_now(),
            spawned => return Some(spawned.unwrap()),
        }
    }
}

/// What the child says it found.
fn answer(child: &mut Child) -> String {
    let lines = BufReader::new(child.stdout.as_mut().unwrap()).lines();
    let said = lines
        .map(Result::unwrap)
        .find_map(|line| line.split_once("errand: ").map(|(_, said)| said.to_owned()));
    said.expect("the child says something")
}

#[test]
fn errand() {
    let Ok(errand) = std::env::var(ERRAND) else { return };
    let (what, path) = errand.split_once(' ').unwrap();
    match what {
        "connect" => match executor().block_on(connect_ambient(Path::new(path))) {
            Ok(_) => println!("errand: connected"),
            Err(error) => println!("errand: {error:?}"),
        },
        _ => {
            let _listener = UnixListener::bind(path).unwrap();
            std::fs::set_permissions(path, PermissionsExt::from_mode(0o666)).unwrap();
            println!("errand: serving");
            // Until whoever sent us is done.
            let _ = std::io::stdin().lines().next();
        }
    }
}

fn open_to_all() -> (TempDir, PathBuf) {
    let (directory, path) = private();
    std::fs::set_permissions(directory.path(), PermissionsExt::from_mode(0o755)).unwrap();
    (directory, path)
}

#[test]
fn another_user_does_not_get_in_by_the_mode() {
    let (directory, path) = open_to_all();
    let _listener = bind(&path).unwrap();
    let Some(mut child) = as_user(12345, &format!("connect {}", path.display()), &directory) else { return };
    let said = answer(&mut child);
    child.wait().unwrap();
    assert!(said.starts_with("NotPermitted"), "{said}");
}

#[test]
fn another_user_is_known_as_such_where_the_mode_lets_them_in_and_the_overflow_user_is_nobody() {
    let (directory, path) = open_to_all();
    for uid in [12345, 65534] {
        executor().block_on(async {
            let listener = ControlListener::bind_ambient(&path).unwrap();
            std::fs::set_permissions(&path, PermissionsExt::from_mode(0o666)).unwrap();
            let Some(mut child) = as_user(uid, &format!("connect {}", path.display()), &directory) else {
                return;
            };
            let (_stream, peer) = listener.accept().await.unwrap();
            match uid {
                65534 => assert_eq!(peer, Err(Nameless)),
                _ => assert_eq!(peer.unwrap().uid(), 12345),
            }
            assert_eq!(answer(&mut child), "connected", "the superuser's server is everybody's");
            child.wait().unwrap();
            listener.close().unwrap();
        });
    }
}

#[test]
fn a_client_does_not_speak_to_another_users_server_and_no_server_replaces_another_users_socket() {
    let (directory, path) = open_to_all();
    std::fs::set_permissions(directory.path(), PermissionsExt::from_mode(0o1777)).unwrap();
    let Some(mut server) = as_user(12346, &format!("serve {}", path.display()), &directory) else { return };
    assert_eq!(answer(&mut server), "serving");
    let mut client = as_user(12345, &format!("connect {}", path.display()), &directory).unwrap();
    let said = answer(&mut client);
    client.wait().unwrap();
    drop(server.stdin.take());
    server.wait().unwrap();
    assert!(said.starts_with("NotOurs") && said.contains("12346"), "{said}");
    let error = bind(&path).unwrap_err();
    assert!(matches!(error, HostSocketError::NotOurs { uid: 12346, .. }), "{error}");
}
